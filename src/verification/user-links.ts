import type { Model } from 'casbin';
import { roleCalls } from '../casbin/matcher.ts';
import { matcherOf, tokensOf } from '../casbin/model.ts';
import { addTo } from '../collections.ts';
import type { Rule } from '../policy/rule.ts';
import { subjectLinks, subjectOf, subjectPositions } from './parts.ts';

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
 * Only role definitions that subjects inherit by are looked at, not those of resources. Where both have the same one,
 * what leads to a resource of a rule is no link of a user.
 */
export function splitUserLinks<R extends Rule>(
  model: Model,
  rules: readonly R[],
  known: Iterable<string> = [],
): SplitPolicy<R> {
  const links = new Set(subjectLinks(model));
  const subjectAt = subjectPositions(model);
  const roles = new Set(known);
  for (const { ptype, values } of rules) {
    if (ptype.startsWith('p')) roles.add(values[subjectAt(ptype)] ?? '');
    else if (links.has(ptype)) roles.add(values[1] ?? '');
  }
  for (const name of resourcesOf(model, rules, links)) roles.add(name);
  const isUserLink = ({ ptype, values }: R) => links.has(ptype) && !roles.has(values[0] ?? '');
  return {
    rules: rules.filter((rule) => !isUserLink(rule)),
    userLinks: rules.filter(isUserLink),
  };
}

/** The values of rules that others inherit by a role definition of subjects, and all that inherit from them. */
function resourcesOf(model: Model, rules: readonly Rule[], links: ReadonlySet<string>): Set<string> {
  const tokens = tokensOf(model, 'p');
  const shared = roleCalls(matcherOf(model)).filter(
    ({ ptype, request }) => links.has(ptype) && request !== subjectOf(model),
  );
  const children = new Map<string, string[]>();
  for (const { ptype, values } of shared.length > 0 ? rules : []) {
    if (shared.some((call) => call.ptype === ptype)) addTo(children, values[1] ?? '', values[0] ?? '');
  }
  const named = shared.flatMap(({ policy }) => {
    const at = tokens.indexOf(policy);
    return rules.flatMap(({ ptype, values }) => (ptype === 'p' ? (values[at] ?? '') : []));
  });
  const found = new Set(named);
  // A set goes on to what is added while it is gone through.
  for (const name of found) for (const child of children.get(name) ?? []) found.add(child);
  return found;
}

/** The names that rules permit something, or that are linked to others. */
export function subjectNames(model: Model, rules: readonly Rule[]): string[] {
  const links = new Set(subjectLinks(model));
  const subjectAt = subjectPositions(model);
  return rules.flatMap(({ ptype, values }) => {
    if (ptype === 'p') return [values[subjectAt(ptype)] ?? ''];
    return links.has(ptype) ? values.slice(0, 2) : [];
  });
}

/** The names that rules link to each other. */
export function linkedNames(rules: readonly Rule[]): string[] {
  return rules.flatMap(({ ptype, values }) => (ptype.startsWith('g') ? values.slice(0, 2) : []));
}
