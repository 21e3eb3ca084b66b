import type { Model } from 'casbin';
import { type RoleCall, roleCalls } from '../casbin/matcher.ts';
import { tokensOf } from '../casbin/model.ts';
import { buildHierarchies, findRolePath, type Hierarchy } from '../policy/hierarchy.ts';
import type { Rule } from '../policy/rule.ts';
import { loadLinks } from './links.ts';
import type { Request } from './requests.ts';

/** How a request's values come to a rule's. */
export interface RoleRoute {
  /** From subject to subject: `['alice', 'admin', 'user']`; empty where the matcher involves no roles. */
  readonly path: readonly string[];
  /** The `g` rules along it, and those along the paths of resource roles. */
  readonly links: readonly Rule[];
}

/**
 * A function that finds the route from a request to a rule, by each role definition that the matcher calls.
 *
 * @param rules the policy
 * @param preferred those of them to be taken where there are several ways
 */
export function roleRoutes(
  model: Model,
  rules: readonly Rule[],
  preferred: readonly Rule[] = rules,
): (request: Request, rule: Rule) => RoleRoute {
  const matcher = model.model.get('m')?.get('m')?.value ?? '';
  const requestTokens = tokensOf(model, 'r');
  const policyTokens = tokensOf(model, 'p');
  const finders = roleCalls(matcher).map((call) => {
    const find = [...new Set([preferred, rules])].map((some) => pathFinder(model, some, call.ptype));
    return { call, find };
  });
  return (request, { values }) => {
    const take = ({ request: token }: Pick<RoleCall, 'request'>) =>
      request[requestTokens.indexOf(token)] ?? '';
    const routes = finders.flatMap(({ call, find }) => {
      const to = values[policyTokens.indexOf(call.policy)] ?? '';
      const domain = call.domain === null ? '' : take({ request: call.domain });
      return find.map((one) => one(take(call), to, domain)).find((route) => route !== null) ?? [];
    });
    return { path: routes[0]?.path ?? [], links: routes.flatMap(({ links }) => links) };
  };
}

type FindPath = (from: string, to: string, domain: string) => RoleRoute | null;

/** Finds paths in one role definition; null where there is none. */
function pathFinder(model: Model, rules: readonly Rule[], ptype: string): FindPath {
  const links = loadLinks(model, rules).filter((link) => link.ptype === ptype);
  const hierarchies = new Map<string, Hierarchy>(buildHierarchies(links).map((one) => [one.domain, one]));
  const stored = new Map(links.map((link) => [JSON.stringify(link.values), link.stored]));
  return (from, to, domain) => {
    if (from === to) return { path: [from], links: [] };
    const hierarchy = hierarchies.get(domain);
    const path = hierarchy === undefined ? null : findRolePath(hierarchy, from, to);
    if (path === null) return null;
    const steps = path.slice(1).map((parent, index) => [path[index] ?? '', parent]);
    const rest = domain === '' ? [] : [domain];
    return { path, links: steps.flatMap((step) => stored.get(JSON.stringify([...step, ...rest])) ?? []) };
  };
}
