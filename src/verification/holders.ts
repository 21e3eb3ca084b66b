import type { Model } from 'casbin';
import { ruleLengthsOf } from '../casbin/model.ts';
import { addTo } from '../policy/multimap.ts';
import type { Rule } from '../policy/rule.ts';
import { paced } from './pace.ts';
import type { Holders } from './report.ts';

/** A name that a rule gives something to, and where: null for any domain. */
export interface Role {
  readonly name: string;
  readonly domain: string | null;
}

/** Which links lead from subjects to roles, and which names are roles by definition. */
interface RoleLinks {
  readonly ptypes: readonly string[];
  readonly definedRoles: readonly string[];
}

/** Tells for each of some roles who has it. */
export type FindHolders = (roles: readonly Role[], links: RoleLinks) => Promise<readonly Holders[]>;

/** So many holders of a role are counted. */
export const COUNTED_HOLDERS = 10_000;
/** So many of them are named. */
export const NAMED_HOLDERS = 5;

/** Finds holders among rules that are all that is stored. */
export function holdersAmong(model: Model, live: readonly Rule[]): FindHolders {
  return async (roles, { ptypes, definedRoles }) => {
    const defined = new Set(definedRoles);
    const lengths = ruleLengthsOf(model);
    const children = new Map<string, { readonly name: string; readonly domain: string }[]>();
    for (const { ptype, values } of live) {
      const [name = '', parent = ''] = values;
      if (!ptypes.includes(ptype)) continue;
      const link = { name, domain: domainOf(values, lengths.get(ptype)) };
      addTo(children, parent, link);
    }
    const found: Holders[] = [];
    for await (const { name, domain } of paced(roles)) {
      const below = new Set([name]);
      const holders: string[] = [];
      for (const holder of below) {
        const links = children.get(holder) ?? [];
        if (links.length === 0 && !defined.has(holder)) holders.push(holder);
        if (holders.length > COUNTED_HOLDERS) break;
        for (const link of links) if (domain === null || link.domain === domain) below.add(link.name);
      }
      found.push(summarizeHolders(holders, holders.length));
    }
    return found;
  };
}

/**
 * @param some at least the first of them
 * @param count of all of them, or of one more than are counted
 */
export function summarizeHolders(some: readonly string[], count: number): Holders {
  return {
    names: some.slice(0, NAMED_HOLDERS),
    count: Math.min(count, COUNTED_HOLDERS),
    more: count > COUNTED_HOLDERS,
  };
}

/** The domain of a link, as Casbin reads it; empty for one in a role definition without domains. */
export function domainOf(values: readonly string[], length: number | undefined): string {
  return values.slice(2, length).join(', ');
}
