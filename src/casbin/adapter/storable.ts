import { InvalidOptionsError, type Problem } from '../../errors.ts';
import type { Rule } from '../../policy/rule.ts';
import { findUnstorable } from '../../policy/validate.ts';

/**
 * Throws an InvalidOptionsError with every value that would not come back from jsonb as it went in: anything
 * but a string, NUL, and half of a surrogate pair.
 */
export function requireStorable(rules: readonly Rule[]): void {
  const placed = rules.map(({ ptype, values }, index) => ({ at: `rule ${index + 1}`, ptype, values }));
  const problems = placed.flatMap(({ at, values }) => findNonStrings(at, values));
  // Only strings can be looked into.
  const found = problems.length > 0 ? problems : findUnstorable(placed);
  if (found.length > 0) throw new InvalidOptionsError(found);
}

/** Casbin's types say string, but JavaScript callers hand it numbers, and it takes them. */
function findNonStrings(at: string, values: readonly unknown[]): Problem[] {
  const position = values.findIndex((value) => typeof value !== 'string');
  if (position === -1) return [];
  const message = `value ${position + 1} is ${JSON.stringify(values[position])}, not a string. Convert it.`;
  return [{ code: 'RULE_INVALID', at, message }];
}
