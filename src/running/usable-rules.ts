import type { Model } from 'casbin';
import { ruleFieldsOf } from '../casbin/model.ts';
import { findHangingPatterns } from '../casbin/patterns.ts';
import { findUnusableRules } from '../casbin/rule-usability.ts';
import { InvalidOptionsError, type Problem } from '../errors.ts';
import { findMisfits } from '../policy/check.ts';
import type { DefinedRule } from '../policy/compile.ts';
import type { Rule } from '../policy/rule.ts';
import { requireStorable } from '../tables/refusals.ts';

/**
 * Refuses rules that, once they were stored, would keep every live enforcer from reading on.
 *
 * @throws InvalidOptionsError
 */
export async function requireFitsModel(model: Model, rules: readonly Rule[]): Promise<void> {
  requireStorable(rules);
  const placed = rules.map((rule, index) => ({ ...rule, at: `rule ${index + 1}` }));
  const problems = await findMisfitting(model, placed);
  if (problems.length > 0) throw new InvalidOptionsError(problems);
}

/** The problems of rules that do not fit the model, or that Casbin would not use, or never finish reading. */
export async function findMisfitting(model: Model, rules: readonly DefinedRule[]): Promise<Problem[]> {
  const misfits = findMisfits(rules, ruleFieldsOf(model));
  const wrong = new Set(misfits.map(({ at }) => at));
  const fitting = rules.filter(({ at }) => !wrong.has(at));
  return [...misfits, ...findUnusableRules(model, fitting), ...(await findHangingPatterns(model, fitting))];
}
