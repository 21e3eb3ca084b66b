import { casbinRule } from '../../migrations/0001_casbin_rule.ts';
import type { TakeoverReport } from '../bootstrap-report.ts';
import type { RuleRow } from '../casbin/rule-row.ts';
import { quoteTable, quoteText } from '../database/catalog.ts';
import type { Engine } from '../database/engine.ts';
import type { AnyTransaction } from '../database/transaction.ts';
import type { Problem } from '../errors.ts';
import type { Migrations } from '../migrator/migration.ts';
import { hasDuplicates, removeDuplicates } from '../migrator/takeover.ts';
import type { Rule } from '../policy/rule.ts';
import type { RowId } from '../verification-report.ts';
import { findUnfitRules, type ValueColumn } from './columns-fit.ts';
import { allColumns, ColumnsLookup, type IndexedColumns, type TableIndex } from './columns-lookup.ts';
import { type GivenRules, type RuleTable, readNumber, type SpelledRules, selectById } from './rule-table.ts';

/** What the catalog says about such a table. */
export interface ColumnsFacts extends IndexedColumns {
  readonly engine: Engine;
  readonly name: string;
  readonly schema?: string | undefined;
  readonly identityType: string;
  /** Whether a bootstrap removes rules that are stored more than once. */
  readonly removesDuplicates: boolean;
  readonly isMissing: boolean;
}

/** The columns of the values as a jsonb array of texts. */
export function arrayOfValues(columns: string): string {
  return `to_jsonb(array[${columns}]::text[])`;
}

/** How many of the first rows tell whether the writers of a table write `''` where a rule has no value. */
const SAMPLE = 100;

/** The table of most adapters: each value in a column of its own, NULL or `''` after the last value of a rule. */
export class ColumnsTable implements RuleTable {
  readonly layout = 'columns';
  readonly ruleShape = 'a ptype with at least one value';
  readonly isKnownUnseen = false;
  readonly isUnique = false;
  readonly onConflict: string;
  readonly engine: Engine;
  readonly name: string;
  readonly schema: string | undefined;
  readonly sql: string;
  readonly identity: 'id' | 'ctid';
  readonly written: string;
  readonly #identityType: string;
  readonly #ptype: ValueColumn;
  readonly #values: readonly ValueColumn[];
  readonly #indexes: readonly TableIndex[];
  readonly #removesDuplicates: boolean;
  readonly #isMissing: boolean;
  readonly #lookup: ColumnsLookup;

  constructor(facts: ColumnsFacts) {
    const { name, schema, identity, identityType, ptype, values, indexes, removesDuplicates } = facts;
    this.engine = facts.engine;
    this.name = name;
    this.schema = schema;
    this.sql = facts.sql;
    this.identity = identity;
    this.#identityType = identityType;
    this.written = [ptype, ...values].map((column) => column.name).join(', ');
    this.#ptype = ptype;
    this.#values = values;
    this.#indexes = indexes;
    this.onConflict = this.#describeConflict();
    this.#removesDuplicates = removesDuplicates;
    this.#isMissing = facts.isMissing;
    this.#lookup = new ColumnsLookup(facts);
  }

  /**
   * The clause for the index that keeps whole rules unique, if there is one. Other conflicts are errors. PostgreSQL
   * refuses the clause if one of several such indexes is of a deferrable constraint.
   */
  #describeConflict(): string {
    const all = new Set([this.#ptype, ...this.#values].map(({ name }) => name));
    const ofRules = this.#indexes.filter(
      ({ unique, columns }) =>
        unique && columns.length === all.size && columns.every((name) => name !== null && all.has(name)),
    );
    const [index] = ofRules;
    if (index === undefined || ofRules.some(({ deferrable }) => deferrable)) return '';
    return `on conflict (${index.columns.join(', ')}) do nothing`;
  }

  get migrationName(): string {
    return `0001_${this.name}`;
  }

  get migrations(): Migrations {
    return this.#isMissing ? { [this.migrationName]: casbinRule(this.name) } : {};
  }

  async takeOver(trx: AnyTransaction): Promise<TakeoverReport | null> {
    if (!this.#removesDuplicates) return null;
    const { name, identity } = this;
    const duplicatesRemoved = await removeDuplicates(trx, { name, key: this.#key, identity });
    return duplicatesRemoved > 0 ? { constraintReplaced: false, duplicatesRemoved } : null;
  }

  async hasRemovable(trx: AnyTransaction): Promise<boolean> {
    return this.#removesDuplicates && hasDuplicates(trx, this.sql, this.#key);
  }

  /** What makes two rules equal. */
  get #key(): string {
    return [this.#ptype, ...this.#values].map(({ name }) => `coalesce(${name}, '')`).join(', ');
  }

  columns(row: string): string {
    const values = this.#values.map(({ name }) => `${row}.${name}`);
    return [`${row}.${this.identity}`, this.ptype(row), ...values].join(', ');
  }

  read(row: Record<string, unknown>): RuleRow {
    const values: string[] = [];
    let length = 0;
    for (const { name } of this.#values) {
      const value = row[name];
      if (typeof value === 'string' && value !== '') length = values.push(value);
      else values.push('');
    }
    values.length = length;
    const ptype = row[this.#ptype.name];
    return {
      id: this.#readId(row[this.identity]),
      ptype: typeof ptype === 'string' ? ptype : null,
      rule: values,
    };
  }

  #readId(id: unknown): RowId {
    if (typeof id === 'number') return id;
    return this.#identityType === 'bigint' ? readNumber(id) : String(id);
  }

  selectRows(ids: readonly RowId[]): string {
    return selectById(this, allColumns(this.identity), ids);
  }

  ptype(row: string): string {
    return `${row}.${this.#ptype.name}`;
  }

  value(row: string, position: number): string {
    const column = this.#values[position];
    return column === undefined ? 'null' : `${row}.${column.name}`;
  }

  valuesAsJson(row: string): string {
    return arrayOfValues(this.#values.map(({ name }) => `${row}.${name}`).join(', '));
  }

  /** Where a rule has no value, `''` is given: under array_nulls = off, a null in an array would be the text NULL. */
  give(rules: readonly Rule[]): GivenRules {
    const names = this.#values.map(({ name }) => name);
    const isFilled = rules.every(({ values }) => values[0] !== '');
    return {
      arrays: [
        rules.map(({ ptype }) => ptype),
        ...names.map((_, position) => rules.map(({ values }) => values[position] ?? '')),
      ],
      names: ['ptype', ...names].join(', '),
      values: ['given.ptype', ...names.map((_, position) => this.#writtenValue(position))].join(', '),
      isSame: (row) =>
        [
          `${this.ptype(row)} = given.ptype`,
          ...names.map((name, position) =>
            // The first value by itself, so that an index can find it.
            position === 0 && isFilled
              ? `${row}.${name} = given.${name}`
              : `coalesce(${row}.${name}, '') = given.${name}`,
          ),
        ].join(' and '),
    };
  }

  replacing(values: ReadonlyMap<number, string>): string {
    return [...values].map(([position, value]) => `${this.#values[position]?.name} = ${value}`).join(', ');
  }

  spell(rules: readonly Rule[]): SpelledRules {
    const { arrays, names, values } = this.give(rules);
    const all = [this.#ptype, ...this.#values].map(({ name }) => name);
    const list = (expressions: string) => `format('(${all.map(() => '%L').join(', ')})', ${expressions})`;
    const [ptype, ...rest] = all;
    const compared = (row: string) => rest.map((name) => `coalesce(${row}${name}, '')`).join(', ');
    return {
      arrays,
      names,
      compared: `(${ptype}, ${compared('')})`,
      comparedLiterals: list(`given.ptype, ${compared('given.')}`),
      insertedLiterals: list(values),
    };
  }

  /** Where a rule has no value, writes what the table already has in that column: NULL or `''`. */
  #writtenValue(position: number): string {
    const rest = this.#values.slice(position);
    const [column] = rest;
    const given = `given.${column?.name}`;
    const inUniqueIndex = this.#indexes.some(
      ({ unique, columns }) => unique && columns.includes(column?.name ?? ''),
    );
    if (column?.notNull || inUniqueIndex) return given;
    const last = this.#values.at(-1)?.name;
    const sample = `select ${last} as last from ${this.sql} limit ${SAMPLE}`;
    const asOthers = `(select '' from (${sample}) sample where last = '' limit 1)`;
    // A rule does not end with an empty value.
    const isBehind = rest.map(({ name }) => `given.${name} = ''`).join(' and ');
    if (!this.#isMissing) return `case when ${isBehind} then ${asOthers} else ${given} end`;
    // What the column takes is known when the SQL is run.
    const table = quoteText(quoteTable(this.name, this.schema));
    const required = `(select '' from pg_catalog.pg_attribute where attrelid = ${table}::regclass and attname = '${column?.name}' and attnotnull)`;
    return `case when ${isBehind} then coalesce(${required}, ${asOthers}) else ${given} end`;
  }

  rowsWith(position: 0 | 1, value: string): string {
    return this.#lookup.rowsWith(position, value);
  }

  get rowsWithoutFirst(): string {
    return this.#lookup.rowsWithoutFirst;
  }

  get missingIndex(): string | null {
    return this.#lookup.missingIndex;
  }

  hasFirst(row: string): string {
    return `${row}.${this.#values[0]?.name} <> ''`;
  }

  findUnfit(rules: readonly (Rule & { readonly at?: string })[]): Problem[] {
    return findUnfitRules({ sql: this.sql, ptype: this.#ptype, values: this.#values }, rules);
  }

  /** typeorm-adapter quotes the values, the others join them unquoted; all of them leave out empty values. */
  stockLines({ ptype, values }: Rule): string[] {
    const kept = values.filter((value) => value !== '');
    return [[ptype, ...kept].join(', '), [ptype, ...kept.map((value) => `"${value}"`)].join(', ')];
  }
}
