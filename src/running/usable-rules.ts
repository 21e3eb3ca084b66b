import type { Model } from 'casbin';
import { findUnusableRules, ruleFieldsOf } from '../casbin/model.ts';
import { findHangingPatterns } from '../casbin/patterns.ts';
import { InvalidOptionsError } from '../errors.ts';
import { findMisfits } from '../policy/check.ts';
import type { DefinedRule } from '../policy/compile.ts';
import type { Rule } from '../policy/rule.ts';
import { requireStorable } from '../tables/refusals.ts';

/**
 * Refuses rules that, once they were stored, would keep every live enforcer from reading on.
 *
 * @throws InvalidOptionsError
 */
export async function requireFit(model: Model, rules: readonly Rule[]): Promise<void> {
  requireStorable(rules);
  const placed = rules.map((rule, index) => ({ ...rule, at: `rule ${index + 1}` }));
  const misfits = findMisfits(placed, ruleFieldsOf(model));
  if (misfits.length > 0) throw new InvalidOptionsError(misfits);
  await requireUsable(model, placed);
}

/**
 * Refuses rules that Casbin would not use, or never finish reading. If such a rule is stored already, it can be
 * removed.
 *
 * @throws InvalidOptionsError
 */
export async function requireUsable(model: Model, added: readonly DefinedRule[]): Promise<void> {
  const problems = [...findUnusableRules(model, added), ...(await findHangingPatterns(model, added))];
  if (problems.length > 0) throw new InvalidOptionsError(problems);
}
