import { addTo } from '../collections.ts';
import { StoredRuleError } from '../errors.ts';
import type { Rule } from '../policy/rule.ts';
import type { RuleSet } from '../policy/rule-set.ts';
import type { RowId } from '../verification-report.ts';

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

/** A table that rules are read from. */
export interface RowSource {
  /** Its name as SQL, for messages. */
  readonly sql: string;
  /** What a rule must be there, for messages. */
  readonly ruleShape: string;
  /** Converts a selected row to the common shape. */
  read(row: Record<string, unknown>): RuleRow;
  /** A statement that shows rows by their ids, for a message. */
  selectRows(ids: readonly RowId[]): string;
}

/**
 * Reads rows that come in portions. It remembers rules that no enforcer can use until {@link requireReadable}, because
 * decisions without them would be wrong.
 */
export class RuleReader {
  readonly #source: RowSource;
  readonly #unreadable = new FaultyRows();
  readonly #known: RuleSet | null;

  /** @param known rules whose values are reused for equal stored rules, to save memory */
  constructor(source: RowSource, known: RuleSet | null = null) {
    this.#source = source;
    this.#known = known;
  }

  /** The rules that the next rows hold, in the order of the rows. */
  read(rows: readonly Record<string, unknown>[]): StoredRule[] {
    const rules: StoredRule[] = [];
    for (const row of rows) {
      const { id, ptype, rule } = this.#source.read(row);
      if (typeof ptype === 'string' && isRuleValues(rule)) {
        rules.push(this.#share({ id, ptype, values: rule }));
      } else this.#unreadable.add(id, () => describeFault(ptype, rule));
    }
    return rules;
  }

  get hasUnreadable(): boolean {
    return this.#unreadable.ids.length > 0;
  }

  /** Throws a StoredRuleError that names every row so far whose `rule` is not an array of strings. */
  requireReadable(): void {
    if (this.hasUnreadable) throw unreadableRules(this.#unreadable, this.#source);
  }

  #share(rule: StoredRule): StoredRule {
    const same = this.#known?.rules[this.#known.indexOf(rule)];
    return same === undefined ? rule : { ...rule, values: same.values };
  }
}

/** The rule that a selected row holds; null if no enforcer can load it. */
export function readRule(source: Pick<RowSource, 'read'>, row: Record<string, unknown>): Rule | null {
  const { ptype, rule } = source.read(row);
  return ptype !== null && isRuleValues(rule) ? { ptype, values: rule } : null;
}

/** Whether the `rule` of a row is what an enforcer can load. */
export function isRuleValues(rule: unknown): rule is string[] {
  return Array.isArray(rule) && rule.length > 0 && rule.every((value) => typeof value === 'string');
}

function unreadableRules(rows: FaultyRows, source: RowSource): StoredRuleError {
  const { length } = rows.ids;
  return new StoredRuleError(
    `Every rule in table ${source.sql} must be ${source.ruleShape}, or no enforcer can load it. ` +
      `${length === 1 ? 'One row is not' : `${length} rows are not`} (${rows.describe()}). ` +
      `Correct or delete these rows: ${source.selectRows(rows.shownIds)}`,
    rows.ids,
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

/** How many rows a message names. */
export const SHOWN_ROWS = 20;

/** Invalid rows: the ids of all, and the faults of those that a message names. */
export class FaultyRows {
  readonly ids: RowId[] = [];
  readonly #shownByFault = new Map<string, RowId[]>();

  add(id: RowId, describe: () => string): void {
    this.ids.push(id);
    if (this.ids.length > SHOWN_ROWS) return;
    addTo(this.#shownByFault, describe(), id);
  }

  /** As in `id 1, 2: rule is null; id 3: rule has no values; and 4 more`. */
  describe(): string {
    const faults = Array.from(this.#shownByFault, ([fault, ids]) => `id ${ids.join(', ')}: ${fault}`);
    const more = this.ids.length - SHOWN_ROWS;
    return [...faults, ...(more > 0 ? [`and ${more} more`] : [])].join('; ');
  }

  /** The ids of the rows that a message names. */
  get shownIds(): RowId[] {
    return this.ids.slice(0, SHOWN_ROWS);
  }
}
