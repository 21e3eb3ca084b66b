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
  // By index: other ways pass over the holes of a list.
  for (let index = 0; index < rows.length; index++) {
    const found = checkRow(rows[index], index, columns, first);
    if (found.length > 0) problems.push(...found);
  }
  return problems;
}

function checkKey(key: unknown): Problem[] {
  const names: readonly unknown[] = Array.isArray(key) ? key : [];
  if (names.length > 0 && names.every((name) => typeof name === 'string' && name !== '')) return [];
  const message = 'must be the name of a column, or a list of them. Name those that identify a row.';
  return [{ code: 'ROW_INVALID', at: 'key', message }];
}

const SOUND: readonly Problem[] = [];

function checkRow(
  row: unknown,
  index: number,
  key: readonly string[],
  first: Map<string, number>,
): readonly Problem[] {
  if (!isRow(row)) {
    const message = 'must be an object, column → value. Give one.';
    return [{ code: 'ROW_INVALID', at: `rows[${index}]`, message }];
  }
  const unfit = findUnfit(row, index);
  const missing = key.filter(
    (column) => !Object.hasOwn(row, column) || row[column] === undefined || row[column] === null,
  );
  if (missing.length > 0) {
    const message = `it has no value for ${missing.map(formatText).join(', ')}, which identifies it. Add one.`;
    return [{ code: 'ROW_KEY_MISSING', at: `rows[${index}]`, message }, ...unfit];
  }
  return unfit.length > 0 || key.length === 0 ? unfit : findDuplicate(row, index, key, first);
}

function findUnfit(row: Row, index: number): readonly Problem[] {
  let problems = SOUND;
  for (const column of Object.keys(row)) {
    const reason = explainUnfit(row[column]);
    if (reason === null) continue;
    problems = [...problems, { code: 'ROW_INVALID', at: `rows[${index}].${column}`, message: reason }];
  }
  return problems;
}

function findDuplicate(
  row: Row,
  index: number,
  key: readonly string[],
  first: Map<string, number>,
): readonly Problem[] {
  const identity = keyOf(row, key);
  const other = first.get(identity);
  if (other === undefined) {
    first.set(identity, index);
    return SOUND;
  }
  const message = `it has the same ${key.map(formatText).join(', ')} as rows[${other}]. Remove one of them.`;
  return [{ code: 'ROW_DUPLICATE', at: `rows[${index}]`, message }];
}
