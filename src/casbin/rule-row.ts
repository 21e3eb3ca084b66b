import { StoredRuleError } from '../errors.ts';
import type { Rule } from '../policy/rule.ts';

/** A row of the `casbin` table, as selected: whatever JSON stands in `rule`. */
export interface RuleRow {
  readonly id: number;
  readonly ptype: string;
  readonly rule: unknown;
}

/** A rule as it stands in the database. */
export interface StoredRule extends Rule {
  readonly id: number;
  readonly values: string[];
}

/**
 * The rules that the rows hold, in the order of the rows.
 *
 * Throws a StoredRuleError that names every row whose `rule` is not an array of strings: no enforcer can use
 * one, and leaving it out would decide differently from what somebody meant to store.
 */
export function readStoredRules(rows: readonly RuleRow[]): StoredRule[] {
  const rules: StoredRule[] = [];
  const unreadable: RuleRow[] = [];
  for (const row of rows) {
    if (isRuleValues(row.rule)) rules.push({ id: row.id, ptype: row.ptype, values: row.rule });
    else unreadable.push(row);
  }
  if (unreadable.length > 0) throw unreadableRules(unreadable);
  return rules;
}

function isRuleValues(rule: unknown): rule is string[] {
  return Array.isArray(rule) && rule.every((value) => typeof value === 'string');
}

function unreadableRules(rows: readonly RuleRow[]): StoredRuleError {
  const idsByFault = new Map<string, number[]>();
  for (const row of rows) {
    const fault = describeFault(row.rule);
    const faulty = idsByFault.get(fault);
    if (faulty === undefined) idsByFault.set(fault, [row.id]);
    else faulty.push(row.id);
  }
  const faults = Array.from(idsByFault, ([fault, faulty]) => `id ${faulty.join(', ')}: ${fault}`);
  const ids = rows.map((row) => row.id);
  return new StoredRuleError(
    `Every rule in the casbin table must be an array of strings, or no enforcer can load it. ` +
      `Not so in ${rows.length === 1 ? 'one row' : `${rows.length} rows`} (${faults.join('; ')}). ` +
      `Correct or delete what is in: select id, ptype, rule from casbin where id in (${ids.join(', ')})`,
    ids,
  );
}

function describeFault(rule: unknown): string {
  if (!Array.isArray(rule)) return `rule is ${nameType(rule)}`;
  const position = rule.findIndex((value) => typeof value !== 'string');
  return `value ${position + 1} is ${nameType(rule[position])}`;
}

function nameType(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
