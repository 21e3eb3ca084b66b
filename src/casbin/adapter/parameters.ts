import type { Rule } from '../../policy/rule.ts';
import { RuleSet } from '../../policy/rule-set.ts';
import { requireStorable } from './storable.ts';

/** Rules as parameters for `unnest($1::text[], $2::text[])`: two arrays, however many rules there are. */
type Documents = [ptypes: string[], documents: string[]];

/** The rules, each once, in their order. Throws an InvalidOptionsError for a value that can't be stored. */
export function toParameters(rules: readonly Rule[]): Documents {
  requireStorable(rules);
  const given = new RuleSet(rules);
  return toDocuments(rules.filter((rule, position) => given.indexOf(rule) === position));
}

/** The same for rules that are known to be storable, and none of them twice. */
export function toDocuments(rules: readonly Rule[]): Documents {
  return [rules.map(({ ptype }) => ptype), rules.map(({ values }) => JSON.stringify(values))];
}
