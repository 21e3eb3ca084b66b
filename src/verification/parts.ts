import type { Model } from 'casbin';
import { otherRoleCalls, patternTokens, type RoleCall, roleCalls } from '../casbin/matcher.ts';
import { ruleLengthsOf, tokensOf } from '../casbin/model.ts';
import type { Inheriting } from './resource-roles.ts';

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
 * What a model's requests call the one who asks: `sub`, else the value that `g` is called for, else the first that is
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
  const ofSubject = calls.filter(({ request }) => request === subject);
  const named = ofSubject.find(({ domain }) => domain !== null)?.domain ?? DOMAIN;
  const domain = requestTokens.includes(named) ? named : null;
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
