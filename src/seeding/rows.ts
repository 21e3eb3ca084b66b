import { isSameList } from '../collections.ts';

/** One row: column → value. */
export type Row = Readonly<Record<string, unknown>>;

/** The columns by which the log names a row. */
export function pickKey(row: Row, key: readonly string[]): Row {
  return Object.fromEntries(key.map((column) => [column, row[column]]));
}

/** Rows with the same columns. */
export interface Group {
  readonly columns: readonly string[];
  readonly rows: Row[];
}

/** Rows grouped by their columns, so that each group leaves the same columns to their defaults. */
export function groupByColumns(rows: readonly Row[]): readonly Group[] {
  const groups = new Map<string, Group>();
  for (const run of groupRuns(rows)) {
    const identity = JSON.stringify(run.columns.toSorted());
    const group = groups.get(identity);
    if (group === undefined) groups.set(identity, run);
    else for (const row of run.rows) group.rows.push(row);
  }
  return [...groups.values()];
}

/** How many groups one statement may have. */
const MOST_GROUPS = 50;

/**
 * The same for rows whose order must stay: each list has the groups of some of the rows, and those of the lists before
 * it are earlier ones.
 */
export function groupInOrder(rows: readonly Row[]): (readonly Group[])[] {
  const groups = groupByColumns(rows);
  if (groups.length <= MOST_GROUPS) return [groups];
  const middle = rows.length >> 1;
  return [...groupInOrder(rows.slice(0, middle)), ...groupInOrder(rows.slice(middle))];
}

function groupRuns(rows: readonly Row[]): readonly Group[] {
  const runs: Group[] = [];
  for (const row of rows) {
    const columns = Object.keys(row).filter((column) => row[column] !== undefined);
    const last = runs.at(-1);
    if (last !== undefined && isSameList(columns, last.columns)) last.rows.push(row);
    else runs.push({ columns, rows: [row] });
  }
  return runs;
}

/** Rows as JSON for `json_populate_recordset` and `json_to_recordset`. Bytes become the text of a bytea. */
export function toRecordset(rows: readonly Row[], columns: readonly string[]): string {
  return JSON.stringify(
    rows.map((row) => Object.fromEntries(columns.map((column) => [column, encode(row[column])]))),
  );
}

/** Values that JSON can't hold, as texts that PostgreSQL reads; also in lists, which fill array columns. */
export function encode(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(encode);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString('hex')}`;
  return value;
}
