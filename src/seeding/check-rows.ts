import type { Problem } from '../errors.ts';
import { formatText } from '../policy/rule.ts';
import { explainUnfit } from './check-value.ts';
import { isRow, keyOf, type Row } from './rows.ts';

/** What is wrong with rows that can be seen without a database; `at` is relative to the seeder. */
export function checkRows(rows: unknown, key: unknown): Problem[] {
  const problems = checkKey(key);
  if (!Array.isArray(rows)) {
    const message = 'must be a list of objects, column → value. Give one.';
    return [...problems, { code: 'ROW_INVALID', at: 'rows', message }];
  }
  const columns = problems.length > 0 || !Array.isArray(key) ? [] : key;
  const first = new Map<string, number>();
  // Not flatMap: it passes over the holes of a list.
  return [...problems, ...Array.from(rows, (row, index) => checkRow(row, index, columns, first)).flat()];
}

function checkKey(key: unknown): Problem[] {
  const names: readonly unknown[] = Array.isArray(key) ? key : [];
  if (names.length > 0 && names.every((name) => typeof name === 'string' && name !== '')) return [];
  const message = 'must be the name of a column, or a list of them. Name those that identify a row.';
  return [{ code: 'ROW_INVALID', at: 'key', message }];
}

function checkRow(
  row: unknown,
  index: number,
  key: readonly string[],
  first: Map<string, number>,
): Problem[] {
  const at = `rows[${index}]`;
  if (!isRow(row)) {
    return [{ code: 'ROW_INVALID', at, message: 'must be an object, column → value. Give one.' }];
  }
  const missing = key.filter((column) => row[column] === undefined || row[column] === null);
  const unfit = findUnfit(row, at);
  if (missing.length > 0) {
    const message = `it has no value for ${missing.map(formatText).join(', ')}, which identifies it. Add one.`;
    return [{ code: 'ROW_KEY_MISSING', at, message }, ...unfit];
  }
  return unfit.length > 0 || key.length === 0 ? unfit : findDuplicate(row, index, key, first);
}

function findUnfit(row: Row, at: string): Problem[] {
  return Object.entries(row).flatMap(([column, value]): Problem[] => {
    const reason = explainUnfit(value);
    return reason === null ? [] : [{ code: 'ROW_INVALID', at: `${at}.${column}`, message: reason }];
  });
}

function findDuplicate(
  row: Row,
  index: number,
  key: readonly string[],
  first: Map<string, number>,
): Problem[] {
  const identity = keyOf(row, key);
  const other = first.get(identity);
  if (other === undefined) {
    first.set(identity, index);
    return [];
  }
  const message = `it has the same ${key.map(formatText).join(', ')} as rows[${other}]. Remove one of them.`;
  return [{ code: 'ROW_DUPLICATE', at: `rows[${index}]`, message }];
}
