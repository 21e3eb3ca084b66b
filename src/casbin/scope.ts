import type { Model } from 'casbin';
import type { Rule } from '../policy/rule.ts';
import { limitingConjuncts } from './matcher.ts';
import { linkedTokens } from './matcher-links.ts';
import { tokensOf } from './model.ts';

/** Which of the stored rules to read. */
export type Scope =
  | { readonly kind: 'whole' }
  /** What decisions about these names can depend on; `bySubject`: only `p` rules whose first value is one. */
  | { readonly kind: 'reachable'; readonly names: readonly string[]; readonly bySubject: boolean };

/**
 * Which rules can take part in deciding requests, or are among `rules`.
 *
 * Role links are followed from every name that one of the rules begins with, and every value of a request that the
 * matcher may follow them from. `p` rules are limited to those subjects only where each matcher says so by a leading
 * `g(r.sub, p.sub)` or `r.sub == p.sub`.
 *
 * @param valuesAt the values that the requests have at a position
 */
export function reachableScope(
  model: Model,
  rules: readonly Rule[],
  valuesAt: (position: number) => Iterable<string>,
): Scope {
  if (model.model.get('e')?.get('e')?.value.startsWith('subjectPriority')) return { kind: 'whole' };
  const names = new Set(rules.map(({ values }) => values[0] ?? ''));
  for (const position of linkedPositions(model)) for (const name of valuesAt(position)) names.add(name);
  // With no rule at all Casbin evaluates the matcher on empty values, which an empty name would be equal to.
  if (names.has('')) return { kind: 'whole' };
  return { kind: 'reachable', names: [...names], bySubject: matchesBySubject(model) };
}

/** Where requests have values that role links are followed from, or rules are found by. */
function linkedPositions(model: Model): number[] {
  const [tokens, subject] = [tokensOf(model, 'r'), tokensOf(model, 'p')[0]];
  const linked = [...(model.model.get('m')?.values() ?? [])].flatMap(({ value }) => [
    ...(linkedTokens(value) ?? tokens),
    ...limitingConjuncts(value).flatMap(({ request, policy }) => (policy === subject ? [request] : [])),
  ]);
  return [...tokens.keys()].filter((position) => linked.includes(tokens[position] ?? ''));
}

/** Whether a `p` rule can match only a subject that is, or inherits from, its first value. */
function matchesBySubject(model: Model): boolean {
  const subject = tokensOf(model, 'p')[0];
  const ptypes = [...(model.model.get('p')?.keys() ?? [])];
  const matchers = [...(model.model.get('m')?.values() ?? [])];
  if (subject === undefined || ptypes.length > 1) return false;
  return matchers.every(({ value }) => limitingConjuncts(value).some(({ policy }) => policy === subject));
}
