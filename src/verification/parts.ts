import type { Model } from 'casbin';
import { otherRoleCalls, patternTokens, type RoleCall, roleCalls } from '../casbin/matcher.ts';
import { matcherOf, ruleLengthsOf, tokensOf } from '../casbin/model.ts';
import { addTo } from '../collections.ts';
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

/** The position of the subject in requests, or in `p` rules, where it is the first value if none has that name. */
export function subjectPosition(model: Model, section: 'r' | 'p'): number {
  return Math.max(0, tokensOf(model, section).indexOf(subjectOf(model)));
}

/** The name of the domain in a model's requests: the domain in which subjects inherit, else `dom`; null without one. */
export function domainOf(model: Model): string | null {
  const subject = subjectOf(model);
  const ofSubject = roleCalls(matcherOf(model)).filter(({ request }) => request === subject);
  const named = ofSubject.find(({ domain }) => domain !== null)?.domain ?? DOMAIN;
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
    roles: readRoleDefinitions(model, calls, subject, domain !== null),
    domain,
    inheriting,
  };
}

/** All role definitions but those for resources only; subjects and resources may share one. */
function readRoleDefinitions(model: Model, calls: readonly RoleCall[], subject: string, hasDomains: boolean) {
  const called = (ptype: string) => calls.filter((call) => call.ptype === ptype);
  const ofResources = (ptype: string) =>
    called(ptype).length > 0 && called(ptype).every(({ request }) => request !== subject);
  const lengths = [...ruleLengthsOf(model)].filter(([ptype]) => ptype.startsWith('g') && !ofResources(ptype));
  return new Map(
    lengths.map(([ptype, length]) => [ptype, hasDomains && length > 2 ? 'in domain' : 'everywhere'] as const),
  );
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
    const descendants = collectDescendants(rules, ptype);
    const all = new Set([...descendants].flatMap(([parent, below]) => [parent, ...below]));
    const of = (name: string) => (from === 'below' ? descendants.get(name) : all);
    return { position: requestTokens.indexOf(token), of };
  });
  return (permission) =>
    others.reduce(
      (variants, { position, of }) =>
        variants.flatMap((variant) => [
          variant,
          ...[...(of(variant[position] ?? '') ?? [])].map((value) => variant.with(position, value)),
        ]),
      [permission],
    );
}

function collectDescendants(rules: readonly Rule[], ptype: string): ReadonlyMap<string, ReadonlySet<string>> {
  const children = new Map<string, string[]>();
  for (const { ptype: own, values } of rules) {
    const [child = '', parent = ''] = values;
    if (own === ptype) addTo(children, parent, child);
  }
  const descendants = [...children.keys()].map((parent): [string, Set<string>] => {
    const below = new Set(children.get(parent));
    for (const name of below) for (const child of children.get(name) ?? []) below.add(child);
    return [parent, below];
  });
  return new Map(descendants);
}
