import type { Model } from 'casbin';
import { type Conjunct, isPlainConjunction, leadingConjuncts, limitingConjuncts } from '../casbin/matcher.ts';
import { effectOf, matcherOf, tokensOf } from '../casbin/model.ts';
import { subjectOf } from '../verification/parts.ts';

/** The positions of the values that a conjunct compares. */
export interface ConjunctAt {
  readonly request: number;
  readonly policy: number;
  /** The role definition that links the two values; null if the values must be equal. */
  readonly roles: string | null;
  /** The position of the domain in the request; null if the conjunct has no domain. */
  readonly domain: number | null;
}

/** Effects for which the order of the rules does not matter. */
const UNORDERED = [
  'some(where (p_eft == allow))',
  '!some(where (p_eft == deny))',
  'some(where (p_eft == allow)) && !some(where (p_eft == deny))',
];

/**
 * Whether rules can be changed one by one, and the rules of a request can be found without reading all of them. The
 * matcher must begin with conjuncts that every rule must satisfy, and the order of the rules must not matter.
 */
export function canChangeInPlace(model: Model): boolean {
  const effect = effectOf(model);
  const sections = ['p', 'm', 'e', 'r'].map((section) => model.model.get(section)?.size ?? 0);
  const isSingle = sections.every((size) => size === 1);
  return (
    isSingle &&
    UNORDERED.includes(effect) &&
    !tokensOf(model, 'p').includes('priority') &&
    conjunctsOf(model).length > 0
  );
}

/** The positions of the values that find the rules of a request, and whether those rules decide alone. */
export interface ConjunctsAt {
  /** The conjunct of the subject; null if there is none. */
  readonly subject: ConjunctAt | null;
  /** The conjuncts whose values must be equal, without the subject's. */
  readonly equal: readonly ConjunctAt[];
  /** All conjuncts but `equal`: a rule that was found by those values may still not satisfy these. */
  readonly others: readonly ConjunctAt[];
  /** Whether the rules that satisfy all conjuncts are those that Casbin would find. */
  readonly decidesAlone: boolean;
  /** How many values a request has. */
  readonly requestLength: number;
  /** The position of the effect in a rule; -1 if every rule allows. */
  readonly effect: number;
}

/** Finds these positions. The model must be one without faults, and one that {@link canChangeInPlace} accepts. */
export function locateConjuncts(model: Model): ConjunctsAt {
  const [requestTokens, policyTokens] = [tokensOf(model, 'r'), tokensOf(model, 'p')];
  const conjuncts = conjunctsOf(model).map(
    (conjunct): ConjunctAt => ({
      request: requestTokens.indexOf(conjunct.request),
      policy: policyTokens.indexOf(conjunct.policy),
      roles: conjunct.kind === 'inherits' ? conjunct.ptype : null,
      domain:
        conjunct.kind === 'equal' || conjunct.domain === null ? null : requestTokens.indexOf(conjunct.domain),
    }),
  );
  const subjectAt = requestTokens.indexOf(subjectOf(model));
  const subject = conjuncts.find(({ request }) => request === subjectAt) ?? null;
  const equal = conjuncts.filter((one) => one !== subject && one.roles === null);
  return {
    subject,
    equal,
    others: conjuncts.filter((one) => !equal.includes(one)),
    decidesAlone: canDecideAlone(model),
    requestLength: requestTokens.length,
    effect: policyTokens.indexOf('eft'),
  };
}

/** Assumes that values have commas, because a rule that is added later may have one. */
function conjunctsOf(model: Model): Conjunct[] {
  return limitingConjuncts(matcherOf(model), () => false);
}

/**
 * Whether the conjuncts alone find the rules that Casbin would find: the matcher consists only of `r.x == p.y` and
 * `g(r.x, p.y)`, and one rule that allows is enough.
 */
function canDecideAlone(model: Model): boolean {
  const matcher = matcherOf(model);
  return (
    effectOf(model) === UNORDERED[0] &&
    isPlainConjunction(matcher) &&
    conjunctsOf(model).length === leadingConjuncts(matcher).length
  );
}
