import type { Model } from 'casbin';
import { findUnusableRules } from '../casbin/model.ts';
import { findHangingPatterns } from '../casbin/patterns.ts';
import { InvalidOptionsError } from '../errors.ts';
import type { DefinedRule } from '../policy/compile.ts';

/**
 * Refuses rules that Casbin would not use, or never finish reading. If such a rule is stored already, it can be removed.
 *
 * @throws InvalidOptionsError
 */
export async function requireUsable(model: Model, added: readonly DefinedRule[]): Promise<void> {
  const problems = [...findUnusableRules(model, added), ...(await findHangingPatterns(model, added))];
  if (problems.length > 0) throw new InvalidOptionsError(problems);
}
