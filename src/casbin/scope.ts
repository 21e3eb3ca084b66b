import type { Model } from 'casbin';
import type { Rule } from '../policy/rule.ts';
import { collectCalls, evaluatesRules, identifier, limitingConjuncts } from './matcher.ts';
import { ruleLengthsOf, tokensOf } from './model.ts';

/** Which of the stored rules to read. */
export type Scope =
  | { readonly kind: 'whole' }
  /** The rules that decisions about these names can depend on; `bySubject`: only `p` rules that begin with such a name. */
  | { readonly kind: 'reachable'; readonly names: readonly string[]; readonly bySubject: boolean };

const WHOLE: Scope = { kind: 'whole' };

/** Values of the requests that are to be decided, by their position. */
type ValuesAt = (position: number) => Iterable<string>;

/**
 * Which rules can take part in deciding requests, or are among `rules`.
 *
 * Role links are followed from every name that one of the rules begins with, and every value of a request that the
 * matcher follows them from. `p` rules are limited to those subjects only where each matcher says so by a leading
 * `g(r.sub, p.sub)` or `r.sub == p.sub`.
 */
export function reachableScope(model: Model, rules: readonly Rule[], valuesAt: ValuesAt): Scope {
  const linked = linkedTokens(model);
  if (linked === null) return WHOLE;
  const [tokens, subject] = [tokensOf(model, 'r'), tokensOf(model, 'p')[0]];
  const valuesOf = (some: readonly string[]) =>
    tokens.flatMap((token, position) => (some.includes(token) ? [...valuesAt(position)] : []));

  const isWithoutCommas = () => !valuesOf(tokens).some((value) => value.includes(','));
  const limits = matchersOf(model).map((matcher) =>
    limitingConjuncts(matcher, isWithoutCommas).filter(({ policy }) => policy === subject),
  );
  const sources = [...linked, ...limits.flat().map(({ request }) => request)];
  const names = new Set([...rules.map(({ values }) => values[0] ?? ''), ...valuesOf(sources)]);
  // If one priority is not a number, Casbin sorts the others wrongly too.
  const bySubject = limits.every(({ length }) => length > 0) && !tokensOf(model, 'p').includes('priority');
  return { kind: 'reachable', names: [...names], bySubject };
}

/**
 * The request values that role links are followed from. Null if these are unknown: a role definition is called for a
 * literal or for a value of a rule, or the texts of rules call it. Null also if the links of others matter: under
 * `subjectPriority`, and with more places than Casbin's own role manager can load.
 */
export function linkedTokens(model: Model): string[] | null {
  if (model.model.get('e')?.get('e')?.value.startsWith('subjectPriority')) return null;
  const definitions = model.model.get('g') ?? new Map<string, unknown>();
  const lengths = ruleLengthsOf(model);
  if ([...definitions.keys()].some((ptype) => (lengths.get(ptype) ?? 0) > 3)) return null;
  const linked: string[] = [];
  for (const matcher of matchersOf(model)) {
    if (evaluatesRules(matcher)) return null;
    for (const { name, given } of collectCalls(matcher)) {
      if (!definitions.has(name)) continue;
      const from = identifier(given[0]);
      if (!from?.startsWith('r_')) return null;
      linked.push(from.slice(2));
    }
  }
  return linked;
}

function matchersOf(model: Model): string[] {
  return [...(model.model.get('m')?.values() ?? [])].map(({ value }) => value);
}
