import type { Model } from 'casbin';
import {
  type Conjunct,
  isPlainConjunction,
  leadingConjuncts,
  limitingConjuncts,
  type RoleCall,
} from '../casbin/matcher.ts';
import { tokensOf } from '../casbin/model.ts';
import { subjectOf } from '../verification/parts.ts';

/** Where the values of a conjunct stand. */
export interface ConjunctAt {
  readonly request: number;
  readonly policy: number;
  /** The role definition; null where the values must be equal. */
  readonly roles: string | null;
  /** In which domain of the request roles are inherited; null for none. */
  readonly domain: number | null;
}

/** Effects by which the order of the rules decides nothing. */
const UNORDERED = [
  'some(where (p_eft == allow))',
  '!some(where (p_eft == deny))',
  'some(where (p_eft == allow)) && !some(where (p_eft == deny))',
];

/**
 * Whether rules can be changed one by one, and found by a request without going through all of them: the matcher begins
 * with conjuncts that every rule must satisfy, and the order of the rules decides nothing.
 */
export function canChangeInPlace(model: Model): boolean {
  const effect = model.model.get('e')?.get('e')?.value ?? '';
  const sections = ['p', 'm', 'e', 'r'].map((section) => model.model.get(section)?.size ?? 0);
  const isSingle = sections.every((size) => size === 1);
  return (
    isSingle &&
    UNORDERED.includes(effect) &&
    !tokensOf(model, 'p').includes('priority') &&
    conjunctsOf(model).length > 0
  );
}

/** Where the values stand by which the rules of a request are found, and whether these decide alone. */
export interface ConjunctsAt {
  /** What the subject of a request is compared with; null where no conjunct does. */
  readonly subject: ConjunctAt | null;
  /** The values that must be equal, apart from the subject's. */
  readonly equal: readonly ConjunctAt[];
  /** All but `equal`: rules that were found by those values may still not satisfy them. */
  readonly others: readonly ConjunctAt[];
  /** Whether the rules that satisfy all conjuncts are those that Casbin would find. */
  readonly decidesAlone: boolean;
  /** How many values a request has. */
  readonly requestLength: number;
  /** Where a rule says whether it allows; -1 where all do. */
  readonly effect: number;
}

/** Finds them in a model that {@link canChangeInPlace}. */
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
  const subjectAt = requestTokens.indexOf(subjectOf(model) ?? '');
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

/** As if values had commas, since one that comes later may. */
function conjunctsOf(model: Model): Conjunct[] {
  return limitingConjuncts(model.model.get('m')?.get('m')?.value ?? '', () => false);
}

/**
 * Whether the rules that a request is found to match by their names alone are those that Casbin would find: the matcher
 * is nothing but `r.x == p.y` and `g(r.x, p.y)`, and one of them that allows is enough.
 */
function canDecideAlone(model: Model): boolean {
  const matcher = model.model.get('m')?.get('m')?.value ?? '';
  const conjuncts = conjunctsOf(model);
  const [requestTokens, policyTokens] = [tokensOf(model, 'r'), tokensOf(model, 'p')];
  const isOnce = (names: readonly string[]) => new Set(names).size === names.length;
  return (
    model.model.get('e')?.get('e')?.value === UNORDERED[0] &&
    isPlainConjunction(matcher) &&
    conjuncts.length === leadingConjuncts(matcher).length &&
    isOnce(requestTokens) &&
    isOnce(policyTokens) &&
    conjuncts.every(
      (conjunct) =>
        requestTokens.includes(conjunct.request) &&
        policyTokens.includes(conjunct.policy) &&
        (conjunct.kind === 'equal' || isCallable(model, requestTokens, conjunct)),
    )
  );
}

function isCallable(model: Model, requestTokens: readonly string[], { ptype, domain }: RoleCall): boolean {
  return model.model.get('g')?.has(ptype) === true && (domain === null || requestTokens.includes(domain));
}
