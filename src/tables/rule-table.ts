import type { TakeoverReport } from '../bootstrap-report.ts';
import type { RowSource } from '../casbin/rule-row.ts';
import type { Engine } from '../database/engine.ts';
import type { AnyTransaction } from '../database/transaction.ts';
import type { Problem } from '../errors.ts';
import type { Migrations } from '../migrator/migration.ts';
import type { Rule } from '../policy/rule.ts';
import type { RowId } from '../verification-report.ts';

/** How a rule table keeps its rules: `ptype, rule jsonb`, or `ptype, v0 … vN`. */
export type Layout = 'document' | 'columns';

/** Which table the rules are in, and how. */
export interface RuleTableOptions {
  /** Without its schema, which is an option of its own. */
  readonly name: string;
  /**
   * `document` is `ptype, rule jsonb`, as of casbin-pg-adapter; `columns` is `ptype, v0 … vN`, as of most others.
   * Default: what the table has. For one that is missing: `document` for the name `casbin`, `columns` for any other.
   */
  readonly layout?: 'document' | 'columns' | undefined;
  /**
   * What a bootstrap does about a rule that is stored more than once in a table of columns: `report` warns of it,
   * `remove` keeps the first row of each. Default: `report`. casbin-pg-adapter's table can't hold a rule twice.
   */
  readonly duplicates?: 'report' | 'remove' | undefined;
}

/** The names that adapters give their tables. casbin-pg-adapter's is the first, because a bootstrap makes that one. */
export const USUAL_NAMES = ['casbin', 'casbin_rule', 'casbin_rules', 'policies'] as const;

/** The names that the rule table may have. */
export function possibleNames({ name }: Partial<RuleTableOptions>): readonly string[] {
  return name === undefined ? USUAL_NAMES : [name];
}

/**
 * A table that rules are stored in: SQL for a common shape of rows, and a reader of them. Each operation on stored
 * rules is one query, written with these fragments, for all layouts.
 *
 * A `row` is the alias of a row of the table.
 */
export interface RuleTable extends RowSource {
  readonly layout: Layout;
  /** The engine that it is on. */
  readonly engine: Engine;
  readonly name: string;
  /** Undefined where the connection's search_path finds it. */
  readonly schema: string | undefined;
  /** The column that tells rows apart, and orders them; `ctid` in a table without a unique `id`. */
  readonly identity: 'id' | 'ctid';
  /** Whether everything about it is known without looking at it. */
  readonly isKnownUnseen: boolean;
  /** Whether the table itself refuses a rule that is stored already. */
  readonly isUnique: boolean;
  /** Migrations that create the table or complete an existing one; empty if the table does not change. */
  readonly migrations: Migrations;
  /** The name under which these are recorded. */
  readonly migrationName: string;
  /**
   * Prepares a table that was there before the first bootstrap, in the first schema of the search_path.
   *
   * @returns what it changes, {@link migrations} included; null if there is nothing to do
   */
  takeOver(trx: AnyTransaction): Promise<TakeoverReport | null>;
  /** Whether there are rules that {@link takeOver} would remove at any bootstrap. Reads the whole table. */
  hasRemovable(trx: AnyTransaction): Promise<boolean>;

  /** What to select of a row, for `read`. */
  columns(row: string): string;
  ptype(row: string): string;
  /** The value at a position; null, or `''`, where a rule has none. */
  value(row: string, position: number): string;

  /** The values as a jsonb array of texts; where a rule has none any more, null or `''`. */
  valuesAsJson(row: string): string;

  /** Rules as a relation `given`; see {@link givenRules}. */
  give(rules: readonly Rule[]): GivenRules;
  /** Also rules as a relation `given`, for statements that are shown to people. */
  spell(rules: readonly Rule[]): SpelledRules;
  /** The columns that a rule is written into. */
  readonly written: string;
  /** The assignments of an update that replace values, by position, by these expressions; `stored` is the row. */
  replacing(values: ReadonlyMap<number, string>): string;
  /** The `on conflict` clause for a rule that another writer has just stored; empty if the table allows duplicates. */
  readonly onConflict: string;

  /** A FROM item of the rows whose value at the position, the first or the second, is `value`. */
  rowsWith(position: 0 | 1, value: string): string;
  /** A FROM item of the rows without a first value. */
  readonly rowsWithoutFirst: string;
  /** Whether a row has a first value. */
  hasFirst(row: string): string;
  /** The SQL of an index that would make {@link rowsWith} fast for first values; null if there is one. */
  readonly missingIndex: string | null;

  /** Problems of rules that do not fit the table. `at` is the place of a rule; default: its position in the list. */
  findUnfit(rules: readonly (Rule & { readonly at?: string })[]): Problem[];
  /** The lines that stock adapters on such a table build from a rule for Casbin's own loader. */
  stockLines(rule: Rule): readonly string[];
}

/** Rules as parameters: a fixed number of arrays of texts, all of one length, without nulls. */
export interface GivenRules {
  readonly arrays: readonly (readonly string[])[];
  /** The names of the arrays as columns, after `unnest`. */
  readonly names: string;
  /** The values to write into {@link RuleTable.written}. */
  readonly values: string;
  /** Whether a row of the table holds the given rule. */
  isSame(row: string): string;
}

/** Rules for statements that a person runs. The server writes the literals: only it knows its settings. */
export interface SpelledRules extends Pick<GivenRules, 'arrays' | 'names'> {
  /** The columns that tell rules apart, as a list. */
  readonly compared: string;
  /** An expression for the list of literals to compare that with. */
  readonly comparedLiterals: string;
  /** An expression for the list of literals to insert into {@link RuleTable.written}. */
  readonly insertedLiterals: string;
}

/** The rules as a FROM item `given`, with their position `n` from 1 on; the arrays are the first parameters. */
export function givenRules({ arrays, names }: Pick<GivenRules, 'arrays' | 'names'>): string {
  const parameters = arrays.map((_, index) => `$${index + 1}::text[]`);
  return `unnest(${parameters.join(', ')}) with ordinality as given (${names}, n)`;
}

/** A statement that shows rows by their ids, for a message. */
export function selectById(
  { sql, identity }: Pick<RuleTable, 'sql' | 'identity'>,
  columns: string,
  ids: readonly RowId[],
): string {
  return `select ${columns} from ${sql} where ${identity} in (${ids.map(literal).join(', ')})`;
}

function literal(id: RowId): string {
  return typeof id === 'number' ? String(id) : `'${id.replaceAll("'", "''")}'`;
}

/** The number of a bigint, which the driver gives as text; the text itself if JavaScript can't hold the number. */
export function readNumber(id: unknown): RowId {
  const number = Number(id);
  return Number.isSafeInteger(number) ? number : String(id);
}
