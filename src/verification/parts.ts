import type { Model } from 'casbin';
import { otherRoleCalls, patternTokens, type RoleCall, roleCalls } from '../casbin/matcher.ts';
import { matcherOf, ruleLengthsOf, tokensOf } from '../casbin/model.ts';
import { addTo, collectAncestors, getOrAdd } from '../collections.ts';
import type { Request } from '../policy/definition.ts';
import type { Rule } from '../policy/rule.ts';

/** The name of the domain in requests, if no role definition shows it. */
const DOMAIN = 'dom';

/** The role of each value of a request, by its use in the matcher. */
export interface Parts {
  readonly requestTokens: readonly string[];
  readonly policyTokens: readonly string[];
  readonly subject: string;
  /** The role definitions that subjects inherit by, and whether they do so within a domain. */
  readonly roles: ReadonlyMap<string, 'everywhere' | 'in domain'>;
  readonly domain: string | null;
  readonly inheriting: readonly Inheriting[];
}

/**
 * The name of the subject in a model's requests: `sub`, else the value that `g` is called for, else the first value
 * that is not the domain.
 */
export function subjectOf(model: Model): string {
  const tokens = tokensOf(model, 'r');
  if (tokens.includes('sub')) return 'sub';
  const calls = roleCalls(matcherOf(model));
  const domains = [DOMAIN, ...calls.map(({ domain }) => domain)];
  const inheriting = calls.find(({ ptype, request }) => ptype === 'g' && tokens.includes(request));
  return inheriting?.request ?? tokens.find((token) => !domains.includes(token)) ?? tokens[0] ?? '';
}

/** The position of the subject in requests. */
export function subjectPosition(model: Model): number {
  return Math.max(0, tokensOf(model, 'r').indexOf(subjectOf(model)));
}

/** Creates a function that returns the position of the subject in the rules of a ptype. */
export function subjectPositions(model: Model): (ptype: string) => number {
  const subject = subjectOf(model);
  const called = callsOfSubject(model)[0]?.policy;
  const positions = new Map<string, number>();
  for (const ptype of model.model.get('p')?.keys() ?? []) {
    const tokens = tokensOf(model, 'p', ptype);
    const found = [called, subject, 'sub'].map((token) => tokens.indexOf(token ?? '')).find((at) => at >= 0);
    positions.set(ptype, found ?? 0);
  }
  return (ptype) => positions.get(ptype) ?? 0;
}

/** The role definitions that subjects inherit by: all but those that the matcher calls for other values only. */
export function subjectLinks(model: Model): string[] {
  const matcher = matcherOf(model);
  return withoutOthers(model, [...roleCalls(matcher), ...otherRoleCalls(matcher)]);
}

/**
 * Where rules name roles: the positions in the rules of each ptype. Uncalled role definitions may be of resources, so
 * only `g` counts without a call.
 */
export function rolePositions(model: Model): ReadonlyMap<string, readonly number[]> {
  const subject = subjectOf(model);
  const calls = callsOfSubject(model);
  const others = otherRoleCalls(matcherOf(model)).filter(({ request }) => request === subject);
  const called = new Set([...calls, ...others].map(({ ptype }) => ptype));
  const links = subjectLinks(model).filter((ptype) => ptype === 'g' || called.has(ptype));
  const names = new Set([subject, 'sub', ...calls.map(({ policy }) => policy)]);
  const subjectAt = subjectPositions(model);
  const rules = [...(model.model.get('p')?.keys() ?? [])].filter(
    (ptype) => ptype === 'p' || tokensOf(model, 'p', ptype).some((token) => names.has(token)),
  );
  return new Map<string, readonly number[]>([
    ...rules.map((ptype) => [ptype, [subjectAt(ptype)]] as const),
    ...links.map((ptype) => [ptype, [0, 1]] as const),
  ]);
}

/** The role definition by which users get roles: `g`, unless the matcher calls only others for the subject. */
export function linkOfUsers(model: Model): string {
  const called = callsOfSubject(model);
  return called.some(({ ptype }) => ptype === 'g') ? 'g' : (called[0]?.ptype ?? 'g');
}

/** The calls of role definitions that compare the subject with a value of the rule. */
function callsOfSubject(model: Model): RoleCall[] {
  const subject = subjectOf(model);
  return roleCalls(matcherOf(model)).filter(({ request }) => request === subject);
}

/** All role definitions but those with calls for values other than the subject, and for no subject. */
function withoutOthers(model: Model, calls: readonly Pick<RoleCall, 'ptype' | 'request'>[]): string[] {
  const subject = subjectOf(model);
  return [...(model.model.get('g')?.keys() ?? [])].filter((ptype) => {
    const own = calls.filter((call) => call.ptype === ptype);
    return own.length === 0 || own.some(({ request }) => request === subject);
  });
}

/** The name of the domain in a model's requests: the domain in which subjects inherit, else `dom`; null without one. */
export function domainOf(model: Model): string | null {
  const named = callsOfSubject(model).find(({ domain }) => domain !== null)?.domain ?? DOMAIN;
  return tokensOf(model, 'r').includes(named) ? named : null;
}

/**
 * Reads the parts of a model. Null if no requests follow from its rules: requests have values that rules do not have
 * (attributes, a time), or rules hold patterns, which do not show which values they match.
 */
export function readParts(model: Model): Parts | null {
  const requestTokens = tokensOf(model, 'r');
  const policyTokens = tokensOf(model, 'p');
  const matcher = matcherOf(model);
  const subject = subjectOf(model);
  if (subject === '' || requestTokens.some((token) => !policyTokens.includes(token))) return null;
  if (patternTokens(matcher).some((token) => requestTokens.includes(token))) return null;
  const calls = roleCalls(matcher);
  const domain = domainOf(model);
  const lengths = ruleLengthsOf(model);
  const placeOfLinks = (ptype: string) =>
    domain !== null && (lengths.get(ptype) ?? 0) > 2 ? 'in domain' : 'everywhere';
  const inheriting = [
    ...calls.map(({ request: token, ptype }) => ({ token, ptype, from: 'below' as const })),
    ...otherRoleCalls(matcher).map(({ request: token, ptype }) => ({
      token,
      ptype,
      from: 'anywhere' as const,
    })),
  ].filter(({ token, from }) => token !== subject && (from === 'below' || token !== domain));
  return {
    requestTokens,
    policyTokens,
    subject,
    roles: new Map(withoutOthers(model, calls).map((ptype) => [ptype, placeOfLinks(ptype)])),
    domain,
    inheriting,
  };
}

/** A value other than the subject that inherits: resource roles, with their role definition. */
interface Inheriting {
  readonly token: string;
  readonly ptype: string;
  /** Which names a rule may apply to: those that inherit from its own, or any if the matcher is unusual. */
  readonly from: 'below' | 'anywhere';
}

/** Creates a function that repeats a permission on a resource for each resource to which it may apply. */
export function permissionExpander(
  rules: readonly Rule[],
  { inheriting, requestTokens }: Parts,
): (permission: Request) => Request[] {
  const others = inheriting.map(({ token, ptype, from }) => {
    const children = new Map<string, string[]>();
    for (const { ptype: own, values } of rules) {
      const [child = '', parent = ''] = values;
      if (own === ptype) addTo(children, parent, child);
    }
    const all = new Set([...children].flatMap(([parent, own]) => [parent, ...own]));
    const below = new Map<string, ReadonlySet<string>>();
    const of = (name: string) =>
      from === 'below' ? getOrAdd(below, name, () => collectAncestors(children, name)) : all;
    return { position: requestTokens.indexOf(token), of };
  });
  return (permission) =>
    others.reduce(
      (variants, { position, of }) =>
        variants.flatMap((variant) => {
          const own = variant[position] ?? '';
          const more = [...of(own)].filter((value) => value !== own);
          return [variant, ...more.map((value) => variant.with(position, value))];
        }),
      [permission],
    );
}
