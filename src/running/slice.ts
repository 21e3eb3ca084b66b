import type { Model } from 'casbin';
import { tokensOf } from '../casbin/model.ts';
import { type Sliced, type SliceLimit, type SliceScope, sliceScope, WHOLE } from '../casbin/scope.ts';
import { addTo, collectAncestors } from '../collections.ts';
import { BootstrapError } from '../errors.ts';
import { formatRule, formatText, type Rule } from '../policy/rule.ts';
import { domainOf, subjectOf } from '../verification/parts.ts';
import type { RuleChange } from './live-rules.ts';

/** The subjects and the domains of the requests; null for any. */
export interface SliceOf {
  readonly subjects: readonly string[] | null;
  readonly domains: readonly string[] | null;
}

/**
 * A part of a policy that is enough to decide about some subjects, in some domains. If it has no `p` rule, Casbin
 * evaluates the matcher with empty values. Nothing matches then, because no subject and no domain is empty.
 */
export class Slice {
  readonly scope: SliceScope | typeof WHOLE;
  readonly #model: Model;
  readonly #asked: readonly { readonly what: string; readonly by: Sliced }[];
  /** The subjects, and all that they inherit from in any domain. */
  #reached: ReadonlySet<string> = new Set();

  /** @param isOpaque whether role links may be followed in ways that the model does not show */
  constructor(model: Model, { subjects, domains }: SliceOf, isOpaque: boolean) {
    const subject = toSliced(subjectOf(model), subjects);
    const domain = toSliced(domainOf(model), domains);
    this.#model = model;
    this.scope = isOpaque ? WHOLE : sliceScope(model, subject, domain);
    this.#asked = [
      ...(subject === null ? [] : [{ what: 'subject', by: subject }]),
      ...(domain === null ? [] : [{ what: 'domain', by: domain }]),
    ];
  }

  /** Takes the rules that were read by the scope. */
  take(rules: readonly Rule[]): void {
    if (this.scope.kind === 'whole') return;
    const parents = new Map<string, string[]>();
    for (const { ptype, values } of rules) {
      if (ptype !== 'p') addTo(parents, values[0] ?? '', values[1] ?? '');
    }
    this.#reached = new Set(
      this.scope.subjects.flatMap((subject) => [...collectAncestors(parents, subject)]),
    );
  }

  /** The changes that concern the slice; null if a subject now inherits more roles, whose rules have to be read. */
  select(changes: readonly RuleChange[]): readonly RuleChange[] | null {
    const own = changes.filter((change) => this.holds(change));
    return own.some((change) => this.#reachesFurther(change)) ? null : own;
  }

  #reachesFurther({ ptype, values }: RuleChange): boolean {
    const [child = '', parent = ''] = values;
    return ptype !== 'p' && this.#reached.has(child) && !this.#reached.has(parent);
  }

  /** Whether a rule is in the slice. */
  holds({ ptype, values }: Rule): boolean {
    return this.#covers(ptype, (at) => values[at] ?? '');
  }

  /** @param valueAt undefined where it may be anything */
  #covers(ptype: string, valueAt: (position: number) => string | undefined): boolean {
    if (this.scope.kind === 'whole') return true;
    const { limits, domains } = this.scope;
    // A ptype that the model lacks: it is read by its first value too, so that it is reported.
    const { bySubject, domainAt }: SliceLimit = limits.get(ptype) ?? { bySubject: true, domainAt: null };
    if (bySubject && !this.#reached.has(valueAt(0) ?? '')) return false;
    if (domainAt === null) return true;
    const domain = valueAt(domainAt);
    return domain !== undefined && (domain === '' || domains.includes(domain));
  }

  /** @throws BootstrapError `OUT_OF_SLICE` for a request about somebody else, or another domain */
  requireInside(request: readonly unknown[], ptype = 'r'): void {
    const tokens = tokensOf(this.#model, 'r', ptype);
    // Casbin throws the same, but only if there are rules.
    if (request.length !== tokens.length)
      throw new Error(`invalid request size: expected ${tokens.length}, got ${request.length}`);
    for (const { what, by } of this.#asked) {
      const value = request[tokens.indexOf(by.token)];
      if (typeof value === 'string' && by.names.includes(value)) continue;
      const shown = typeof value === 'string' ? formatText(value) : `a ${typeof value}`;
      throw outOfSlice(
        `The request is about the ${what} ${shown}, and this live enforcer has only the rules for the ${what} ${by.names.map(formatText).join(', ')}. ` +
          `Make it with that ${what} too, or without the option "${what}".`,
      );
    }
  }

  /** @throws BootstrapError `OUT_OF_SLICE` for a rule that it would not see */
  requireHeld(rules: readonly Rule[]): void {
    const unseen = rules.find((rule) => !this.holds(rule));
    if (unseen === undefined) return;
    throw outOfSlice(
      `The rule "${formatRule(unseen)}" is outside of what this live enforcer follows (${this.#describe()}), so it can't tell whether it is stored. Write it by changePolicy(), or through an enforcer of the whole policy.`,
    );
  }

  /** @throws BootstrapError `OUT_OF_SLICE` for a filter that takes rules that it does not see */
  requireWithin(ptype: string, fieldIndex: number, fieldValues: readonly string[]): void {
    // To Casbin's filters an empty value is any.
    if (this.#covers(ptype, (at) => fieldValues[at - fieldIndex] || undefined)) return;
    throw outOfSlice(
      `The filter takes rules of "${ptype}" outside of what this live enforcer follows (${this.#describe()}). Name the rules one by one, or use an enforcer of the whole policy.`,
    );
  }

  /** @throws BootstrapError `OUT_OF_SLICE`, as a matcher of its own may reach any rule */
  refuseMatcher(): never {
    throw outOfSlice(
      `A matcher of one's own may reach rules outside of what this live enforcer follows (${this.#describe()}). Use an enforcer of the whole policy.`,
    );
  }

  #describe(): string {
    return this.#asked.map(({ what, by }) => `${what} ${by.names.map(formatText).join(', ')}`).join('; ');
  }
}

function toSliced(token: string | null, names: readonly string[] | null): Sliced | null {
  return token === null || names === null ? null : { token, names };
}

function outOfSlice(message: string): BootstrapError {
  return new BootstrapError('OUT_OF_SLICE', message);
}
