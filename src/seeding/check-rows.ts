import type { Problem } from '../errors.ts';
import { formatText } from '../policy/rule.ts';
import { reasonOf } from '../text.ts';
import { encode, type Row } from './rows.ts';

/** The problems of rows that can be found without a database; `at` is relative to the seeder. */
export function checkRows(rows: unknown, key: unknown): Problem[] {
  const problems = checkKey(key);
  if (!Array.isArray(rows)) {
    const message = 'must be a list of objects, column → value. Give one.';
    return [...problems, { code: 'ROW_INVALID', at: 'rows', message }];
  }
  const columns = problems.length > 0 || !Array.isArray(key) ? [] : key;
  const first = new Map<string, number>();
  // The loop counts, because other loops skip the empty places of a list.
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

/** Whether a value is an object of columns; callers may give anything. */
function isRow(value: unknown): value is Row {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function findUnfit(row: Row, index: number): readonly Problem[] {
  let problems = SOUND;
  for (const column of Object.keys(row)) {
    const reason = explainUnfitValue(row[column]);
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
  const identity = identityOf(row, key);
  const other = first.get(identity);
  if (other === undefined) {
    first.set(identity, index);
    return SOUND;
  }
  const message = `it has the same ${key.map(formatText).join(', ')} as rows[${other}]. Remove one of them.`;
  return [{ code: 'ROW_DUPLICATE', at: `rows[${index}]`, message }];
}

/** The key of a row as one string: equal for rows with equal keys. */
function identityOf(row: Row, key: readonly string[]): string {
  const [only = '', ...others] = key;
  return others.length === 0 ? keyText(row[only]) : JSON.stringify(key.map((column) => keyText(row[column])));
}

function keyText(value: unknown): string {
  if (value instanceof Date) return value.toISOString();
  return typeof value === 'object' ? JSON.stringify(encode(value)) : String(value);
}

/** Why a value can't be stored in any column; null if it can be. */
function explainUnfitValue(value: unknown): string | null {
  switch (typeof value) {
    case 'function':
    case 'symbol':
      return `a ${typeof value} can't be stored. Give a value.`;
    case 'string':
      return explainText(value);
    case 'object':
      return value === null || value instanceof Uint8Array ? null : explainObject(value);
    default:
      return null;
  }
}

function explainObject(value: object): string | null {
  if ('toOperationNode' in value) {
    return 'it is an SQL expression, and rows hold values. Write your own seeder, or leave the value out, so that the column gets its default.';
  }
  if (value instanceof Date) {
    return Number.isNaN(value.getTime()) ? 'it is an invalid Date. Give a valid one.' : null;
  }
  const texts: string[] = [];
  let lost: string | null = null;
  try {
    JSON.stringify(encode(value), (name: string, part: unknown) => {
      texts.push(name);
      if (typeof part === 'string') texts.push(part);
      lost ??= findLost(part);
      return part;
    });
  } catch (error) {
    return `it can't be written as JSON: ${firstLine(reasonOf(error))}. Give plain values.`;
  }
  if (lost === 'Promise') return 'it holds a Promise. Await it.';
  if (lost !== null) return `it holds a ${lost}, of which JSON writes nothing. Give plain values.`;
  return texts.map(explainText).find((reason) => reason !== null) ?? null;
}

/** The class of an object that has content, such as a Map, but none that JSON writes; null for others. */
function findLost(part: unknown): string | null {
  if (typeof part !== 'object' || part === null || Array.isArray(part)) return null;
  const prototype: object | null = Object.getPrototypeOf(part);
  const isPlain = prototype === null || Object.getPrototypeOf(prototype) === null;
  // JSON takes the value of a boxed number.
  if (isPlain || Object.keys(part).length > 0 || typeof part.valueOf() !== 'object') return null;
  return String(part.constructor?.name);
}

function explainText(text: string): string | null {
  if (text.includes('\0')) return "it holds a NUL character, which PostgreSQL can't store. Remove it.";
  if (!text.isWellFormed())
    return "it holds half of a surrogate pair, which PostgreSQL can't store. Remove it.";
  return null;
}

/** V8 describes circular structures in several lines. */
function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}
