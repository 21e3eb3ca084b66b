import type { Model } from 'casbin';
import { otherRoleCalls, patternTokens, type RoleCall, roleCalls } from '../casbin/matcher.ts';
import { ruleLengthsOf, tokensOf } from '../casbin/model.ts';
import { addTo } from '../collections.ts';
import type { Request } from '../policy/definition.ts';
import type { Rule } from '../policy/rule.ts';

/** What requests call a domain where no role definition says it. */
const DOMAIN = 'dom';

/** Which of the request's values are what, as the matcher uses them. */
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
 * What a model's requests call the subject: `sub`, else the value that `g` is called for, else the first that is
 * no domain.
 */
export function subjectOf(model: Model): string | undefined {
  const tokens = tokensOf(model, 'r');
  if (tokens.includes('sub')) return 'sub';
  const calls = roleCalls(matcherOf(model));
  const domains = [DOMAIN, ...calls.map(({ domain }) => domain)];
  const inheriting = calls.find(({ ptype, request }) => ptype === 'g' && tokens.includes(request));
  return inheriting?.request ?? tokens.find((token) => !domains.includes(token)) ?? tokens[0];
}

/** What a model's requests call the domain: what subjects inherit in, else `dom`; null where they have none. */
export function domainOf(model: Model): string | null {
  const subject = subjectOf(model);
  const ofSubject = roleCalls(matcherOf(model)).filter(({ request }) => request === subject);
  const named = ofSubject.find(({ domain }) => domain !== null)?.domain ?? DOMAIN;
  return tokensOf(model, 'r').includes(named) ? named : null;
}

/**
 * Reads the parts of a model; null where its policy does not say what to ask for: requests have values that rules
 * have none of the same name for (attributes, a time), or rules hold patterns, which say nothing about themselves.
 */
export function readParts(model: Model): Parts | null {
  const requestTokens = tokensOf(model, 'r');
  const policyTokens = tokensOf(model, 'p');
  const matcher = matcherOf(model);
  const subject = subjectOf(model);
  if (subject === undefined || requestTokens.some((token) => !policyTokens.includes(token))) return null;
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

/** All but those that only resources inherit by; subjects and resources may share one. */
function readRoleDefinitions(model: Model, calls: readonly RoleCall[], subject: string, hasDomains: boolean) {
  const called = (ptype: string) => calls.filter((call) => call.ptype === ptype);
  const ofResources = (ptype: string) =>
    called(ptype).length > 0 && called(ptype).every(({ request }) => request !== subject);
  const lengths = [...ruleLengthsOf(model)].filter(([ptype]) => ptype.startsWith('g') && !ofResources(ptype));
  return new Map(
    lengths.map(([ptype, length]) => [ptype, hasDomains && length > 2 ? 'in domain' : 'everywhere'] as const),
  );
}

function matcherOf(model: Model): string {
  return model.model.get('m')?.get('m')?.value ?? '';
}

/** A value that inherits, beside the subject: resource roles, by the role definition they are in. */
interface Inheriting {
  readonly token: string;
  readonly ptype: string;
  /** From which names a rule for one of them may be asked for: those below it, or any, where the matcher is unusual. */
  readonly from: 'below' | 'anywhere';
}

/** Makes a function that repeats a permission on a resource for each resource that may be asked for instead. */
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
