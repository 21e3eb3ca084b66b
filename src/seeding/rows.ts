import type { Problem } from '../errors.ts';

/** One row: column → value. */
export type Row = Readonly<Record<string, unknown>>;

/** What is wrong with rows that can be seen without a database; `at` is relative to the seeder. */
export function checkRows(rows: readonly Row[], key: readonly string[]): Problem[] {
  if (key.length === 0) {
    return [
      { code: 'ROW_INVALID', at: 'key', message: 'no column is named. Name those that identify a row.' },
    ];
  }
  const first = new Map<string, number>();
  return rows.flatMap((row, index): Problem[] => {
    const at = `rows[${index}]`;
    const missing = key.filter((column) => row[column] === undefined || row[column] === null);
    if (missing.length > 0) {
      const message = `it has no value for ${missing.map((column) => `"${column}"`).join(', ')}, which identifies it. Add one.`;
      return [{ code: 'ROW_KEY_MISSING', at, message }];
    }
    const unfit = Object.entries(row).flatMap(([column, value]): Problem[] => {
      const reason = explainUnfit(value);
      return reason === null ? [] : [{ code: 'ROW_INVALID', at: `${at}.${column}`, message: reason }];
    });
    if (unfit.length > 0) return unfit;
    const identity = keyOf(row, key);
    const other = first.get(identity);
    if (other === undefined) {
      first.set(identity, index);
      return [];
    }
    const message = `it has the same ${key.join(', ')} as rows[${other}]. Remove one of them.`;
    return [{ code: 'ROW_DUPLICATE', at, message }];
  });
}

function explainUnfit(value: unknown): string | null {
  switch (typeof value) {
    case 'function':
    case 'symbol':
      return `a ${typeof value} can't be stored.`;
    case 'string':
      if (value.includes('\0')) return "it holds a NUL character, which PostgreSQL can't store.";
      return value.isWellFormed() ? null : "it holds half of a surrogate pair, which PostgreSQL can't store.";
    case 'object':
      if (value !== null && 'toOperationNode' in value) {
        return 'it is an SQL expression, and rows hold values. Write a seeder of your own, or leave it to the default of the column.';
      }
      return null;
    default:
      return null;
  }
}

/** What identifies a row, as one string: the same for a row as given and as PostgreSQL gives it back as text. */
export function keyOf(row: Row, key: readonly string[]): string {
  return JSON.stringify(key.map((column) => toText(row[column])));
}

function toText(value: unknown): string {
  if (value instanceof Date) return value.toISOString();
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** The columns that the log names a row by. */
export function pickKey(row: Row, key: readonly string[]): Row {
  return Object.fromEntries(key.map((column) => [column, row[column]]));
}

/** Rows by the columns that they give, so that each group leaves the same ones to their defaults. */
export function groupByColumns(rows: readonly Row[]): Map<string, { columns: string[]; rows: Row[] }> {
  const groups = new Map<string, { columns: string[]; rows: Row[] }>();
  for (const row of rows) {
    const columns = Object.keys(row).filter((column) => row[column] !== undefined);
    const identity = JSON.stringify([...columns].sort());
    const group = groups.get(identity) ?? { columns, rows: [] };
    groups.set(identity, group);
    group.rows.push(row);
  }
  return groups;
}

/** Rows as the JSON that `json_populate_recordset` reads: every type by its text form, bytes as bytea has them. */
export function toJson(rows: readonly Row[], columns: readonly string[]): string {
  return JSON.stringify(
    rows.map((row) => Object.fromEntries(columns.map((column) => [column, encode(row[column])]))),
  );
}

function encode(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString('hex')}`;
  return value;
}
