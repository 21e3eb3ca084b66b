import { type Rule, ruleKey } from '../../policy/rule.ts';

/** How many rules one statement carries: memory stays bounded, and more would not be faster. */
export const BATCH_SIZE = 10_000;

/** The rules without repetitions, in their order, in lists for one statement each. */
export function batchesOf(rules: readonly Rule[]): Rule[][] {
  const distinct = [...new Map(rules.map((rule) => [ruleKey(rule), rule])).values()];
  const count = Math.ceil(distinct.length / BATCH_SIZE);
  return Array.from({ length: count }, (_, n) => distinct.slice(n * BATCH_SIZE, (n + 1) * BATCH_SIZE));
}

/** Rules as parameters for `unnest($1::text[], $2::text[])`: two arrays, however many rules there are. */
export function asParameters(rules: readonly Rule[]): [ptypes: string[], documents: string[]] {
  return [rules.map((rule) => rule.ptype), rules.map((rule) => JSON.stringify(rule.values))];
}
