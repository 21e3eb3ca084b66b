import { type Rule, ruleKey } from '../../policy/rule.ts';
import { requireStorable } from './storable.ts';

/**
 * Rules as parameters for `unnest($1::text[], $2::text[])`, each once, in their order: two arrays, however many
 * rules there are. Throws an InvalidOptionsError for a value that can't be stored.
 */
export function toParameters(rules: readonly Rule[]): [ptypes: string[], documents: string[]] {
  requireStorable(rules);
  const distinct = [...new Map(rules.map((rule) => [ruleKey(rule), rule])).values()];
  return [distinct.map(({ ptype }) => ptype), distinct.map(({ values }) => JSON.stringify(values))];
}
