import type { Model } from 'casbin';
import { tokensOf } from '../casbin/model.ts';
import type { Rule } from '../policy/rule.ts';
import { readParts, subjectOf } from './parts.ts';

/** A policy, split into its roles and the links of its users. */
export interface SplitPolicy<R extends Rule> {
  /** The permissions of roles, and what they inherit. */
  readonly rules: readonly R[];
  /** Links of users to roles, in the order of the rules. */
  readonly userLinks: readonly R[];
}

/**
 * Separates links of users from the rest of a policy. A user is a name that is linked to a role and is not a role: no
 * rule permits it anything, nothing inherits from it, and it is not among the known roles.
 *
 * Only role definitions that subjects inherit by are looked at, not those of resources.
 */
export function splitUserLinks<R extends Rule>(
  model: Model,
  rules: readonly R[],
  known: Iterable<string> = [],
): SplitPolicy<R> {
  const linksOf = readParts(model)?.roles ?? new Map([['g', 'everywhere']]);
  const subject = Math.max(0, tokensOf(model, 'p').indexOf(subjectOf(model) ?? ''));
  const roles = new Set(known);
  for (const { ptype, values } of rules) {
    if (ptype.startsWith('p')) roles.add(values[subject] ?? '');
    else if (linksOf.has(ptype)) roles.add(values[1] ?? '');
  }
  const isUserLink = ({ ptype, values }: R) => linksOf.has(ptype) && !roles.has(values[0] ?? '');
  return {
    rules: rules.filter((rule) => !isUserLink(rule)),
    userLinks: rules.filter(isUserLink),
  };
}

/** The names that rules link to each other. */
export function linkedNames(rules: readonly Rule[]): string[] {
  return rules.flatMap(({ ptype, values }) => (ptype.startsWith('g') ? values.slice(0, 2) : []));
}
