import type { DefaultRoleManager, Model } from 'casbin';
import { isPlainConjunction, leadingConjuncts, limitingConjuncts, type RoleCall } from './matcher.ts';
import { tokensOf } from './model.ts';

/** Where the values of a conjunct stand. */
export interface ConjunctAt {
  readonly request: number;
  readonly policy: number;
  /** The role definition; null where the values must be equal. */
  readonly roles: string | null;
  /** In which domain of the request roles are inherited; null for none. */
  readonly domain: number | null;
}

/** The conjuncts that every rule must satisfy that a request matches; as if values had commas, since one may. */
export function conjunctsOf(model: Model): ConjunctAt[] {
  const [requestTokens, policyTokens] = [tokensOf(model, 'r'), tokensOf(model, 'p')];
  return limitingConjuncts(matcherOf(model), () => false).map((conjunct) => ({
    request: requestTokens.indexOf(conjunct.request),
    policy: policyTokens.indexOf(conjunct.policy),
    roles: conjunct.kind === 'inherits' ? conjunct.ptype : null,
    domain:
      conjunct.kind === 'equal' || conjunct.domain === null ? null : requestTokens.indexOf(conjunct.domain),
  }));
}

/**
 * The conjuncts, where they alone say which rules Casbin finds to match: the matcher is nothing but `r.x == p.y` and
 * `g(r.x, p.y)`, of values that requests and rules have. Null for any other matcher.
 */
export function plainConjunctsOf(model: Model): ConjunctAt[] | null {
  const matcher = matcherOf(model);
  const [requestTokens, policyTokens] = [tokensOf(model, 'r'), tokensOf(model, 'p')];
  const limiting = limitingConjuncts(matcher, () => false);
  const isOnce = (names: readonly string[]) => new Set(names).size === names.length;
  const isPlain =
    limiting.length > 0 &&
    isPlainConjunction(matcher) &&
    limiting.length === leadingConjuncts(matcher).length &&
    isOnce(requestTokens) &&
    isOnce(policyTokens) &&
    limiting.every(
      (conjunct) =>
        requestTokens.includes(conjunct.request) &&
        policyTokens.includes(conjunct.policy) &&
        (conjunct.kind === 'equal' || isCallable(model, requestTokens, conjunct)),
    );
  return isPlain ? conjunctsOf(model) : null;
}

function matcherOf(model: Model): string {
  return model.model.get('m')?.get('m')?.value ?? '';
}

function isCallable(model: Model, requestTokens: readonly string[], { ptype, domain }: RoleCall): boolean {
  return model.model.get('g')?.has(ptype) === true && (domain === null || requestTokens.includes(domain));
}

/** Whether one name inherits from another by Casbin's own role manager: in one domain, and over ten links at most. */
export function hasLink(
  model: Model,
  ptype: string,
  from: string,
  to: string,
  domain: string | null,
): boolean {
  const manager = model.model.get('g')?.get(ptype)?.rm as DefaultRoleManager;
  return domain === null ? manager.syncedHasLink(from, to) : manager.syncedHasLink(from, to, domain);
}
