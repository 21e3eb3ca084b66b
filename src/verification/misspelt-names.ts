import type { Model } from 'casbin';
import type { ConfigureEnforcer } from '../casbin/enforcer.ts';
import {
  collectCalls,
  collectConjuncts,
  collectNames,
  evaluatesRules,
  roleCalls,
} from '../casbin/matcher.ts';
import { matcherOf, tokensOf } from '../casbin/model.ts';
import { findNearest, nearestFinder } from '../nearest-name.ts';
import type { Request } from '../policy/definition.ts';
import { formatText, type Rule } from '../policy/rule.ts';

/** A rule that gives an unknown role, and the role that was probably meant. */
interface MisspeltRole {
  readonly rule: Rule;
  readonly meant: string;
}

/**
 * Finds roles that are given and have no permission, inherit nothing, and are called nearly as a role that has or
 * inherits something. It looks only at role definitions that the model compares with a value of its rules, as they are
 * written.
 */
export function findMisspeltRoles(
  model: Model,
  rules: readonly Rule[],
  configureEnforcer: ConfigureEnforcer | undefined,
): MisspeltRole[] {
  if (configureEnforcer !== undefined) return [];
  const nearest = nearestFinder();
  return listRolePlaces(model).flatMap(({ ptype, position }) => {
    const links = rules.filter((rule) => rule.ptype === ptype);
    if (links.length === 0) return [];
    const permitted = new Set<string>();
    for (const { ptype: own, values } of rules) if (own === 'p') permitted.add(values[position] ?? '');
    const inheriting = new Set(links.map(({ values }) => values[0]));
    // A user inherits too, but nobody has a user as a role.
    const roles = new Set(permitted);
    for (const { values } of links) if (inheriting.has(values[1])) roles.add(values[1] ?? '');
    return links.flatMap((rule): MisspeltRole[] => {
      const role = rule.values[1];
      if (role === undefined || permitted.has(role) || inheriting.has(role)) return [];
      const meant = nearest(role, roles);
      return meant === null || withoutDigits(meant) === withoutDigits(role) ? [] : [{ rule, meant }];
    });
  });
}

/** Each role definition that the matcher calls once, and the position of the rules' value that it leads to. */
function listRolePlaces(model: Model): NamePlace['sources'] {
  const matcher = matcherOf(model);
  if (evaluatesRules(matcher)) return [];
  const called = collectCalls(matcher).map(({ name }) => name);
  const policyTokens = tokensOf(model, 'p');
  return roleCalls(matcher).flatMap(({ ptype, policy }) => {
    const isCalledOnce = called.filter((name) => name === ptype).length === 1;
    return isCalledOnce ? [{ ptype, position: policyTokens.indexOf(policy) }] : [];
  });
}

/** A value of a request that no rule has, but that is similar to one of a rule. */
interface MisspeltName {
  /** Where in the request. */
  readonly position: number;
  /** The name, and the one that was probably meant. */
  readonly message: string;
}

/** Finds the misspelt names of a request; `given` are rules in addition to the policy. */
export type FindMisspeltNames = (request: Request, given: readonly Rule[]) => MisspeltName[];

/**
 * Creates a function that finds misspelt names. It looks only at values that the model compares as they are written,
 * not at those that a pattern or a function may match. A name that resembles none of the rules is not reported: it may
 * be a stranger, or something that nobody may do.
 */
export function misspeltNameFinder(
  model: Model,
  rules: readonly Rule[],
  configureEnforcer: ConfigureEnforcer | undefined,
): FindMisspeltNames {
  const tokens = tokensOf(model, 'r');
  const places = listPlaces(model, configureEnforcer === undefined);
  const known = places.map(({ sources }) => new Set(namesIn(rules, sources)));
  return (request, given) => {
    const found: MisspeltName[] = [];
    for (const [index, { position, sources }] of places.entries()) {
      const name = request[position];
      const names = known[index] ?? new Set();
      const more = namesIn(given, sources);
      if (name === undefined || names.has(name) || more.includes(name)) continue;
      const candidates = [...names, ...more].filter((other) => withoutDigits(other) !== withoutDigits(name));
      const near = findNearest(name, candidates, Math.max(1, Math.floor(name.length / 3)));
      if (near === null) continue;
      const message = `no rule has ${tokens[position]} = ${formatText(name)}. Did you mean ${formatText(near)}?`;
      found.push({ position, message });
    }
    return found;
  };
}

/** A value of requests that is compared as it is written, and the values of rules that it is compared with. */
interface NamePlace {
  readonly position: number;
  readonly sources: readonly { readonly ptype: string; readonly position: number }[];
}

function listPlaces(model: Model, linksAreLiteral: boolean): NamePlace[] {
  const matcher = matcherOf(model);
  if (evaluatesRules(matcher)) return [];
  const used = collectNames(matcher);
  const policyTokens = tokensOf(model, 'p');
  const comparisons = collectConjuncts(matcher).flatMap((conjunct) => {
    const own = { ptype: 'p', position: policyTokens.indexOf(conjunct.policy) };
    if (conjunct.kind === 'equal') return [{ token: conjunct.request, sources: [own] }];
    if (!linksAreLiteral) return [];
    const { ptype, domain } = conjunct;
    const linked = [0, 1].map((position) => ({ ptype, position }));
    return [
      { token: conjunct.request, sources: [own, ...linked] },
      ...(domain === null ? [] : [{ token: domain, sources: [{ ptype, position: 2 }] }]),
    ];
  });
  return [...tokensOf(model, 'r').entries()].flatMap(([position, token]) => {
    const own = comparisons.filter((one) => one.token === token);
    const uses = used.filter((name) => name === `r_${token}`).length;
    return own.length > 0 && own.length === uses
      ? [{ position, sources: own.flatMap(({ sources }) => sources) }]
      : [];
  });
}

function namesIn(rules: readonly Rule[], sources: NamePlace['sources']): string[] {
  return rules.flatMap(({ ptype, values }) =>
    sources.filter((source) => source.ptype === ptype).flatMap(({ position }) => values[position] ?? []),
  );
}

/** Names that differ only in numbers, such as `user1` and `user2`, are not misspelt. */
function withoutDigits(name: string): string {
  return name.replaceAll(/\d+/g, '');
}
