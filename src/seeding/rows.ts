/** One row: column → value. */
export type Row = Readonly<Record<string, unknown>>;

/** Whether a value is an object of columns; callers may hand over anything. */
export function isRow(value: unknown): value is Row {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What identifies a row, as one string: the same for rows that are given with equal keys. */
export function keyOf(row: Row, key: readonly string[]): string {
  const [only = '', ...others] = key;
  return others.length === 0 ? toText(row[only]) : JSON.stringify(key.map((column) => toText(row[column])));
}

function toText(value: unknown): string {
  if (value instanceof Date) return value.toISOString();
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** The columns that the log names a row by. */
export function pickKey(row: Row, key: readonly string[]): Row {
  return Object.fromEntries(key.map((column) => [column, row[column]]));
}

/** Rows that give the same columns. */
export interface Group {
  readonly columns: readonly string[];
  readonly rows: Row[];
}

/** Rows by the columns that they give, so that each group leaves the same ones to their defaults. */
export function groupByColumns(rows: readonly Row[]): readonly Group[] {
  const groups = new Map<string, Group>();
  // Mostly a row gives the same columns as the one before.
  let previous: readonly string[] | null = null;
  let group: Group = { columns: [], rows: [] };
  for (const row of rows) {
    const columns = Object.keys(row).filter((column) => row[column] !== undefined);
    if (previous === null || !isSameList(columns, previous)) {
      const identity = JSON.stringify(columns.toSorted());
      group = groups.get(identity) ?? { columns, rows: [] };
      groups.set(identity, group);
      previous = columns;
    }
    group.rows.push(row);
  }
  return [...groups.values()];
}

function isSameList(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((column, index) => column === other[index]);
}

/** Rows as the JSON that `json_populate_recordset` reads: every type by its text form, bytes as bytea has them. */
export function toJson(rows: readonly Row[], columns: readonly string[]): string {
  return JSON.stringify(
    rows.map((row) => Object.fromEntries(columns.map((column) => [column, encode(row[column])]))),
  );
}

/** What JSON has no form for, as PostgreSQL reads it; in lists too, which fill array columns. */
export function encode(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(encode);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString('hex')}`;
  return value;
}
