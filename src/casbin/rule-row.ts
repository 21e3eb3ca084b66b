import { StoredRuleError } from '../errors.ts';
import type { Rule } from '../policy/rule.ts';
import type { RuleSet } from '../policy/rule-set.ts';
import type { RowId } from '../report.ts';

/** A row of the `casbin` table, as selected: `rule` may be any JSON. */
export interface RuleRow {
  readonly id: RowId;
  /** Null only in a table that another tool made. */
  readonly ptype: string | null;
  readonly rule: unknown;
}

/** A rule as it is stored in the database. */
export interface StoredRule extends Rule {
  readonly id: RowId;
}

/** How many rows a message names; all of them are in `ids`. */
const SHOWN_ROWS = 20;

/**
 * The rules that the rows hold, in the order of the rows.
 *
 * Throws a StoredRuleError that names every row whose `rule` is not an array of strings: no enforcer can use
 * one, and leaving it out would decide differently from what somebody meant to store.
 *
 * @param table what the message calls the table that the rows come from, as SQL
 */
export function readStoredRules(rows: readonly RuleRow[], table: string): StoredRule[] {
  const reader = new RuleReader();
  reader.read(rows);
  return reader.finish(table);
}

/** As {@link readStoredRules}, for rows that come in portions. */
export class RuleReader {
  readonly #rules: StoredRule[] = [];
  readonly #unreadable: Unreadable[] = [];
  readonly #known: RuleSet | null;

  /** @param known rules whose values are shared, so that those that are stored too are not kept twice */
  constructor(known: RuleSet | null = null) {
    this.#known = known;
  }

  /** Takes the next rows, and tells how many there were so far. */
  read(rows: readonly RuleRow[]): number {
    for (const { id, ptype, rule } of rows) {
      if (typeof ptype === 'string' && isRuleValues(rule)) this.#keep({ id, ptype, values: rule });
      else this.#unreadable.push({ id, fault: describeFault(ptype, rule) });
    }
    return this.#rules.length + this.#unreadable.length;
  }

  get hasUnreadable(): boolean {
    return this.#unreadable.length > 0;
  }

  finish(table: string): StoredRule[] {
    if (this.hasUnreadable) throw unreadableRules(this.#unreadable, table);
    return this.#rules;
  }

  #keep(rule: StoredRule): void {
    const same = this.#known?.rules[this.#known.indexOf(rule)];
    this.#rules.push(same === undefined ? rule : { ...rule, values: same.values });
  }
}

interface Unreadable {
  readonly id: RowId;
  readonly fault: string;
}

/** Whether the `rule` of a row is what an enforcer can load. */
export function isRuleValues(rule: unknown): rule is string[] {
  return Array.isArray(rule) && rule.length > 0 && rule.every((value) => typeof value === 'string');
}

function unreadableRules(rows: readonly Unreadable[], table: string): StoredRuleError {
  const shown = rows.slice(0, SHOWN_ROWS);
  const idsByFault = new Map<string, RowId[]>();
  for (const { id, fault } of shown) idsByFault.set(fault, [...(idsByFault.get(fault) ?? []), id]);
  const faults = Array.from(idsByFault, ([fault, ids]) => `id ${ids.join(', ')}: ${fault}`);
  const more = rows.length > shown.length ? `; and ${rows.length - shown.length} more` : '';
  return new StoredRuleError(
    `Every rule in table ${table} must be an array of strings, or no enforcer can load it. ` +
      `${rows.length === 1 ? 'One row is not' : `${rows.length} rows are not`} (${faults.join('; ')}${more}). ` +
      `Correct or delete these rows: select id, ptype, rule from ${table} where id in (${shown.map(({ id }) => id).join(', ')})`,
    rows.map(({ id }) => id),
  );
}

function describeFault(ptype: unknown, rule: unknown): string {
  if (typeof ptype !== 'string') return `ptype is ${nameType(ptype)}`;
  if (!Array.isArray(rule)) return `rule is ${nameType(rule)}`;
  if (rule.length === 0) return 'rule has no values';
  const position = rule.findIndex((value) => typeof value !== 'string');
  return `value ${position + 1} is ${nameType(rule[position])}`;
}

function nameType(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
