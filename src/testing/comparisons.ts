import type { Model } from 'casbin';
import { leadingConjuncts } from '../casbin/matcher.ts';
import { tokensOf } from '../casbin/model.ts';

interface Positions {
  /** What the request calls the value. */
  readonly token: string;
  readonly position: number;
  readonly policyPosition: number;
}

/** A value of the request that a matcher holds against one of the rule; `other`: in a way that only it knows. */
export type Comparison = Positions &
  (
    | { readonly kind: 'equal' | 'other' }
    | { readonly kind: 'inherits'; readonly ptype: string; readonly domainPosition: number | null }
  );

/** What a model's matcher compares, as far as it can be read; values of the same name besides. */
export function listComparisons(model: Model): Comparison[] {
  const requestTokens = tokensOf(model, 'r');
  const policyTokens = tokensOf(model, 'p');
  const read = leadingConjuncts(model.model.get('m')?.get('m')?.value ?? '').map((conjunct): Comparison => {
    const { kind, request: token, policy } = conjunct;
    const positions = {
      token,
      position: requestTokens.indexOf(token),
      policyPosition: policyTokens.indexOf(policy),
    };
    if (kind === 'equal') return { kind, ...positions };
    const { ptype, domain } = conjunct;
    return {
      kind,
      ...positions,
      ptype,
      domainPosition: domain === null ? null : requestTokens.indexOf(domain),
    };
  });
  const covered = new Set(read.map(({ token }) => token));
  const others = requestTokens
    .filter((token) => !covered.has(token) && policyTokens.includes(token))
    .map(
      (token): Comparison => ({
        kind: 'other',
        token,
        position: requestTokens.indexOf(token),
        policyPosition: policyTokens.indexOf(token),
      }),
    );
  return [...read, ...others];
}
