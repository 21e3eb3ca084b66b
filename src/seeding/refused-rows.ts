import { sql } from 'kysely';
import { engineBehind } from '../database/dialect.ts';
import { errorCode, SQLSTATE } from '../database/sqlstates.ts';
import type { AnyTransaction } from '../database/transaction.ts';
import { reasonOf, shorten } from '../text.ts';
import { type Row, toRecordset } from './rows.ts';
import type { TargetColumn, TargetTable } from './target-table.ts';

/** How many rows or values a message names. The first value of a column is named in any case. */
const NAMED = 10;

/** How many values one statement tries. */
const TRIED_AT_ONCE = 25_000;

/**
 * What to do about rows that break a constraint about several rows. The detail of such an error names the key, and no
 * other values. Another attempt may help against a value that is there twice, and has a remedy of its own.
 */
const REMEDIES: ReadonlyMap<string, string> = new Map([
  [SQLSTATE.FOREIGN_KEY_VIOLATION, '. Insert the other row first: seeders run in the order given'],
  [SQLSTATE.EXCLUSION_VIOLATION, '. Correct the rows, or change the table by a migration'],
  [SQLSTATE.UNIQUE_VIOLATION, ''],
]);

/** PostgreSQL refused rows; the message says which, if that can be found out. */
class RowsRefused extends Error {
  /** PostgreSQL's own. */
  readonly code: string | undefined;

  constructor(message: string, cause: unknown) {
    super(message, { cause });
    this.code = errorCode(cause);
  }
}

/**
 * Whether PostgreSQL refused the content of a row: a type can't have the value, or a constraint or a trigger refused
 * it.
 */
export function isRefusal(error: unknown): boolean {
  const code = errorCode(error) ?? '';
  // The types of full text search and JSON paths report a value that they can't read as a syntax error.
  return /^(22|23|P0)...$/.test(code) || code === SQLSTATE.SYNTAX_ERROR;
}

/**
 * Inserts rows of a row seeder.
 *
 * @throws RowsRefused naming the table, and each refused row and column; other errors unchanged
 */
export async function insertOrExplain<T>(
  db: AnyTransaction,
  target: TargetTable,
  rows: readonly Row[],
  insert: (rows: readonly Row[]) => Promise<T>,
): Promise<T> {
  // The search for the refused rows needs savepoints, which not every such engine has.
  if (engineBehind(db).commitsDdl) {
    return insert(rows).catch((error: unknown) => {
      throw isRefusal(error) ? describeOutright(target, error) : error;
    });
  }
  await sql`savepoint casbin_bootstrap_rows`.execute(db);
  try {
    const result = await insert(rows);
    await sql`release savepoint casbin_bootstrap_rows`.execute(db);
    return result;
  } catch (error) {
    if (!isRefusal(error)) throw error;
    await undo(db);
    throw await explainRefusedRows(db, target, rows, { error, insert });
  }
}

function describeOutright(target: TargetTable, error: unknown): RowsRefused {
  return new RowsRefused(`${nameTable(target)} refused a row: ${reasonOf(error)}`, error);
}

function nameTable({ schema, name }: TargetTable): string {
  return `table "${schema}.${name}"`;
}

async function undo(db: AnyTransaction): Promise<void> {
  await sql`rollback to savepoint casbin_bootstrap_rows`.execute(db);
}

/** An insert that failed, and its error. */
interface FailedInsert {
  readonly error: unknown;
  readonly insert: (rows: readonly Row[]) => Promise<unknown>;
}

/** A row as it was given, and its position. */
interface GivenRow {
  readonly row: Row;
  readonly index: number;
}

interface RefusedRow extends GivenRow {
  readonly error: unknown;
  readonly column?: string;
}

async function explainRefusedRows(
  db: AnyTransaction,
  target: TargetTable,
  rows: readonly Row[],
  { error, insert }: FailedInsert,
): Promise<RowsRefused> {
  const placed = rows.map((row, index) => ({ row, index }));
  const values = await findValues(db, target.columns, placed);
  // A trigger may have failed for another reason than the values.
  const found = values.some((value) => errorCode(value.error) === errorCode(error))
    ? values
    : await findRows(db, target, placed, { error, insert });
  const table = nameTable(target);
  if (found.length === 0) {
    return new RowsRefused(`${table}: ${reasonOf(error)}${describeKey(target, error)}`, error);
  }
  const places = found.map(describeRefusal).join('; ');
  const more = found.length < NAMED ? '' : '. There may be more than these';
  return new RowsRefused(
    `${table} refused ${places}${more}. Correct the rows, or change the table by a migration.`,
    error,
  );
}

/** The key that breaks a constraint about several rows, in PostgreSQL's words, and what to do; empty for others. */
function describeKey(target: TargetTable, error: unknown): string {
  const remedy = REMEDIES.get(errorCode(error) ?? '');
  const { detail }: { detail?: unknown } = Object(error);
  if (remedy === undefined || !isAbout(target, error) || typeof detail !== 'string') return '';
  return `: ${oneLine(detail).replace(/\.$/, '')}${remedy}`;
}

function describeRefusal({ index, column, error }: RefusedRow): string {
  const place = `${nameRow(index)}${column === undefined ? '' : `, column "${column}"`}`;
  return `${place}: ${oneLine(reasonOf(error))}`;
}

/** PostgreSQL repeats the value, which may have any length and hold line breaks. */
function oneLine(text: string): string {
  return shorten(text).replace(/\p{Cc}+/gu, ' ');
}

function nameRow(index: number): string {
  return `row ${index + 1} (rows[${index}])`;
}

/** The error for rows that PostgreSQL took, but whose keys are not in the table afterwards. */
export function refuseAbsent(
  target: TargetTable,
  rows: readonly Row[],
  absent: ReadonlySet<Row>,
): RowsRefused {
  const places = rows.flatMap((row, index) => (absent.has(row) ? [nameRow(index)] : []));
  const more = places.length > NAMED ? ` and ${places.length - NAMED} more` : '';
  return new RowsRefused(
    `${nameTable(target)} has no row with the key of ${places.slice(0, NAMED).join(', ')}${more} after the insert. A trigger leaves the row out or changes its key, or row-level security hides it. Correct the rows, or change the table by a migration.`,
    undefined,
  );
}

/** The values that the types of their columns can't have, by rows. */
async function findValues(
  db: AnyTransaction,
  columns: readonly TargetColumn[],
  placed: readonly GivenRow[],
): Promise<RefusedRow[]> {
  const found: RefusedRow[] = [];
  for (const { name: column, type } of columns) {
    const given = placed.filter(({ row }) => row[column] !== undefined);
    // The value is read as the column of a record. A cast would shorten a text that is too long, but a table refuses
    // it.
    const read = (some: readonly GivenRow[]) =>
      sql`
        select count(value)
        from json_to_recordset(${toRecordset(
          some.map(({ row }) => ({ value: row[column] })),
          ['value'],
        )}) as given (value ${sql.raw(type)})
      `.execute(db);
    const limit = Math.max(1, NAMED - found.length);
    const ofColumn: RefusedRow[] = [];
    for (let start = 0; start < given.length && ofColumn.length < limit; start += TRIED_AT_ONCE) {
      const some = given.slice(start, start + TRIED_AT_ONCE);
      ofColumn.push(...(await bisect(db, some, read, limit - ofColumn.length)));
    }
    found.push(...ofColumn.map((refusal) => ({ ...refusal, column })));
  }
  return found.sort((one, other) => one.index - other.index);
}

/**
 * The rows that break a constraint on their own values, found by inserting them again. Constraints and triggers that
 * look at other rows are not examined: they could answer differently for a part of the rows.
 */
async function findRows(
  db: AnyTransaction,
  target: TargetTable,
  placed: readonly GivenRow[],
  { error, insert }: FailedInsert,
): Promise<RefusedRow[]> {
  const code = errorCode(error);
  if (code !== SQLSTATE.NOT_NULL_VIOLATION && code !== SQLSTATE.CHECK_VIOLATION) return [];
  if (!isAbout(target, error) && !isAboutDomain(target, error)) return [];
  const found = await bisect(db, placed, (some) => insert(some.map(({ row }) => row)), NAMED);
  return found.map((refusal) => {
    const { column }: { column?: unknown } = Object(refusal.error);
    return typeof column === 'string' ? { ...refusal, column } : refusal;
  });
}

/** Whether an error is about the table itself, and not about one that a trigger fills. */
function isAbout(target: TargetTable, error: unknown): boolean {
  const { schema, table }: { schema?: unknown; table?: unknown } = Object(error);
  return schema === target.schema && table === target.name;
}

/** Whether an error is about the domain of a column that a row leaves out. Such an error names no table. */
function isAboutDomain({ hasTriggers }: TargetTable, error: unknown): boolean {
  const { dataType }: { dataType?: unknown } = Object(error);
  return !hasTriggers && dataType !== undefined;
}

/** The first rows, at most `limit`, each of which alone makes the attempt fail. */
async function bisect(
  db: AnyTransaction,
  placed: readonly GivenRow[],
  attempt: (placed: readonly GivenRow[]) => Promise<unknown>,
  limit: number,
): Promise<RefusedRow[]> {
  const [first] = placed;
  if (first === undefined || limit === 0) return [];
  const error = await refusalOf(db, () => attempt(placed));
  if (error === null) return [];
  if (placed.length === 1) return [{ ...first, error }];
  const middle = placed.length >> 1;
  const found = await bisect(db, placed.slice(0, middle), attempt, limit);
  return [...found, ...(await bisect(db, placed.slice(middle), attempt, limit - found.length))];
}

/** The error of an attempt, null if it succeeds; the attempt is undone. */
async function refusalOf(db: AnyTransaction, attempt: () => Promise<unknown>): Promise<unknown> {
  const error = await attempt().then(
    () => null,
    (reason: unknown) => reason,
  );
  if (error !== null && !isRefusal(error)) throw error;
  await undo(db);
  return error;
}
