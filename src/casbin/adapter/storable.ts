import { inspect } from 'node:util';
import { InvalidOptionsError, type Problem } from '../../errors.ts';
import type { Rule } from '../../policy/rule.ts';
import { findUnstorable } from '../../policy/validate.ts';
import { shorten } from '../../reason.ts';

/**
 * Throws an InvalidOptionsError with every rule that would not come back as it went in: without values, with one
 * that is not a string, or with NUL or half of a surrogate pair in one.
 */
export function requireStorable(rules: readonly Rule[]): void {
  const placed = rules.map((rule, index) => ({
    at: `rule ${index + 1}`,
    ptype: rule?.ptype,
    values: rule?.values,
  }));
  const problems = placed.flatMap(({ at, ptype, values }) => findFaults(at, ptype, values));
  // Only strings can be looked into.
  const found = problems.length > 0 ? problems : findUnstorable(placed);
  if (found.length > 0) throw new InvalidOptionsError(found);
}

/** Casbin's types say string, but JavaScript callers hand it numbers, and it takes them. */
function findFaults(at: string, ptype: unknown, values: unknown): Problem[] {
  if (typeof ptype !== 'string') {
    return [{ code: 'RULE_INVALID', at, message: `its ptype is ${show(ptype)}, not a string. Give one.` }];
  }
  if (!Array.isArray(values)) {
    return [{ code: 'RULE_INVALID', at, message: `is ${show(values)}, not a list of strings. Give one.` }];
  }
  if (values.length === 0) {
    return [{ code: 'RULE_INVALID', at, message: 'has no values. Give it those that the model defines.' }];
  }
  const position = values.findIndex((value) => typeof value !== 'string');
  if (position === -1) return [];
  const message = `value ${position + 1} is ${show(values[position])}, not a string. Convert it.`;
  return [{ code: 'RULE_INVALID', at, message }];
}

/** Unlike JSON, this has a form for every value. */
function show(value: unknown): string {
  return shorten(inspect(value, { depth: 0, breakLength: Number.POSITIVE_INFINITY }), 100);
}
