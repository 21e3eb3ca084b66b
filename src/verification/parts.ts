import type { Model } from 'casbin';
import { patternTokens, roleCalls } from '../casbin/matcher.ts';
import { ruleLengthsOf, tokensOf } from '../casbin/model.ts';
import type { Inheriting } from './resource-roles.ts';

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

/** What a model's requests call the one who asks: `sub`, else whatever comes first. */
export function subjectOf(model: Model): string | undefined {
  const tokens = tokensOf(model, 'r');
  return tokens.includes('sub') ? 'sub' : tokens[0];
}

/**
 * Reads the parts of a model; null where its policy does not say what to ask for: requests have values that rules
 * have none of the same name for (attributes, a time), or rules hold patterns, which say nothing about themselves.
 */
export function readParts(model: Model): Parts | null {
  const requestTokens = tokensOf(model, 'r');
  const policyTokens = tokensOf(model, 'p');
  const matcher = model.model.get('m')?.get('m')?.value ?? '';
  const subject = subjectOf(model);
  if (subject === undefined || requestTokens.some((token) => !policyTokens.includes(token))) return null;
  if (patternTokens(matcher).some((token) => requestTokens.includes(token))) return null;
  const calls = roleCalls(matcher);
  const named = calls.find(({ request, domain }) => request === subject && domain !== null)?.domain ?? 'dom';
  const domain = requestTokens.includes(named) ? named : null;
  const inheriting = calls
    .filter(({ request }) => request !== subject)
    .map(({ request: token, ptype }) => ({ token, ptype }));
  return {
    requestTokens,
    policyTokens,
    subject,
    roles: readRoleDefinitions(model, inheriting, domain !== null),
    domain,
    inheriting,
  };
}

function readRoleDefinitions(model: Model, ofResources: readonly Inheriting[], hasDomains: boolean) {
  const others = new Set(ofResources.map(({ ptype }) => ptype));
  const lengths = [...ruleLengthsOf(model)].filter(([ptype]) => ptype.startsWith('g') && !others.has(ptype));
  return new Map(
    lengths.map(([ptype, length]) => [ptype, hasDomains && length > 2 ? 'in domain' : 'everywhere'] as const),
  );
}
