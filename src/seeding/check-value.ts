import { reasonOf } from '../reason.ts';
import { encode } from './rows.ts';

/** Why a value can't be stored in any column; null when it may be. */
export function explainUnfit(value: unknown): string | null {
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
    return 'it is an SQL expression, and rows hold values. Write a seeder of your own, or leave it to the default of the column.';
  }
  if (value instanceof Date) {
    return Number.isNaN(value.getTime()) ? 'it is a date that is none. Give a valid one.' : null;
  }
  const texts: string[] = [];
  try {
    JSON.stringify(encode(value), (name: string, part: unknown) => {
      texts.push(name);
      if (typeof part === 'string') texts.push(part);
      return part;
    });
  } catch (error) {
    return `it can't be written as JSON: ${firstLine(reasonOf(error))}. Give plain values.`;
  }
  return texts.map(explainText).find((reason) => reason !== null) ?? null;
}

function explainText(text: string): string | null {
  if (text.includes('\0')) return "it holds a NUL character, which PostgreSQL can't store. Remove it.";
  if (!text.isWellFormed())
    return "it holds half of a surrogate pair, which PostgreSQL can't store. Remove it.";
  return null;
}

/** V8 draws circular structures over several lines. */
function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}
