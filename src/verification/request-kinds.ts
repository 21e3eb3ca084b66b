import type { Model } from 'casbin';
import { tokensOf } from '../casbin/model.ts';
import { type ConjunctAt, hasLink, plainConjunctsOf } from '../casbin/plain-conjunction.ts';
import type { Request } from '../policy/definition.ts';

/** A longer list of rules is left to Casbin each time. */
const COMPARED = 16;

/**
 * Tells requests apart by all that Casbin decides by: which of the rules it is given match, and what those say. Requests
 * of one kind have one answer, by the rule in the same place, so Casbin needs to decide just one of them.
 *
 * It does not tell under what effect. It asks Casbin's role managers who inherits from whom. The model must be loaded,
 * with Casbin's own role managers and no matching function on them.
 */
export class RequestKinds {
  readonly #model: Model;
  readonly #conjuncts: readonly ConjunctAt[];
  readonly #requestLength: number;
  readonly #ruleLength: number;
  /** Where a rule says whether it allows; -1 where all do. */
  readonly #effect: number;

  constructor(model: Model, conjuncts: readonly ConjunctAt[]) {
    this.#model = model;
    this.#conjuncts = conjuncts;
    this.#requestLength = tokensOf(model, 'r').length;
    this.#ruleLength = tokensOf(model, 'p').length;
    this.#effect = tokensOf(model, 'p').indexOf('eft');
  }

  /**
   * The kind of a request that is decided on these rules; null where only Casbin can tell.
   *
   * @param rules those that may match it, at least
   */
  kindOf(request: Request, rules: readonly (readonly string[])[]): string | null {
    if (request.length !== this.#requestLength || rules.length > COMPARED) return null;
    let kind = '';
    for (const rule of rules) {
      // Casbin would compare with a value that is not there.
      if (rule.length < this.#ruleLength) return null;
      kind += this.#matches(request, rule) ? effectOf(rule[this.#effect]) : UNMATCHED;
    }
    return kind;
  }

  #matches(request: Request, rule: readonly string[]): boolean {
    for (const { request: at, policy, roles, domain } of this.#conjuncts) {
      const [asked = '', given = ''] = [request[at], rule[policy]];
      if (asked === given) continue;
      if (roles === null) return false;
      const inDomain = domain === null ? null : (request[domain] ?? '');
      if (!hasLink(this.#model, roles, asked, given, inDomain)) return false;
    }
    return true;
  }
}

const UNMATCHED = '-';

/** What Casbin makes of the effect that a matching rule names: none is as `allow`. */
function effectOf(effect: string | undefined): string {
  if (effect === undefined || effect === '' || effect === 'allow') return 'a';
  return effect === 'deny' ? 'd' : 'o';
}

/** Null for a model whose matcher looks at more than equal and inherited values. */
export function requestKinds(model: Model): RequestKinds | null {
  const conjuncts = plainConjunctsOf(model);
  return conjuncts === null ? null : new RequestKinds(model, conjuncts);
}
