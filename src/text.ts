import { resolve } from 'node:path';
import { inspect, types } from 'node:util';

const REASON_LENGTH = 300;

/** The reason in a thrown value, on one line: any value may be thrown, and errors may have no message. */
export function reasonOf(thrown: unknown): string {
  // A name with several addresses fails with one error for each, and no message of its own.
  if (isError(thrown) && thrown.message === '' && 'errors' in thrown && Array.isArray(thrown.errors)) {
    return [...new Set(thrown.errors.map(reasonOf))].join('; ');
  }
  // A WebSocket fails with an event, which has a message too.
  const message: unknown = Reflect.get(Object(thrown), 'message');
  if (typeof message === 'string' && message.trim() !== '') return withoutPeriod(message.trim());
  if (isError(thrown)) return withoutPeriod(thrown.name);
  if (typeof thrown === 'string' && thrown.trim() !== '') return withoutPeriod(shorten(thrown.trim()));
  if (thrown === undefined || thrown === null || thrown === '') return 'no reason was given';
  return shorten(inspect(thrown, { depth: 1, breakLength: Number.POSITIVE_INFINITY }));
}

/** Not by instanceof alone: in Jest, errors of Node's own modules have another class Error. */
export function isError(thrown: unknown): thrown is Error {
  return thrown instanceof Error || types.isNativeError(thrown);
}

/** A thrown value as an error: any value may be thrown. */
export function asError(thrown: unknown): Error {
  return isError(thrown) ? thrown : new Error(reasonOf(thrown), { cause: thrown });
}

/** Removes periods at the end, because messages continue after the reason. */
function withoutPeriod(text: string): string {
  return text.replace(/\.+$/, '');
}

/** Whether a text is a connection string. No message may show it, as it may have a password. */
export function isConnectionString(text: string): boolean {
  return /^\s*postgres(?:ql)?:\/\//i.test(text);
}

/** Why a file can't be read, without a period. */
export function explainUnreadable(kind: string, path: string, error: unknown): string {
  const code = isError(error) && 'code' in error ? error.code : undefined;
  switch (code) {
    case 'ENOENT':
      // Shows the absolute path, because a relative one depends on the folder in which the process was started.
      return `there is no such ${kind} (${resolve(path)})`;
    case 'EISDIR':
      return `it is a directory, not a ${kind}`;
    case 'EACCES':
      return `the ${kind} may not be read by this process`;
    default:
      return `the ${kind} can't be read (${typeof code === 'string' ? code : reasonOf(error)})`;
  }
}

/** The beginning of a text, which may be of any length. */
export function shorten(text: string, length = REASON_LENGTH): string {
  return text.length > length ? `${text.slice(0, length).toWellFormed()}…` : text;
}

/**
 * Escapes control characters, because stored values may contain escape sequences of a terminal, or line breaks; and
 * characters without a shape, which make two names look the same. Not joiners and selectors of a variant, which some
 * scripts and emojis need; but tags, of which flags of regions are made.
 */
export function escapeControls(text: string): string {
  return text.replace(
    /(?![\p{Join_Control}\p{Variation_Selector}])[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}\p{Default_Ignorable_Code_Point}\uFFF9-\uFFFB]/gu,
    escapeCharacter,
  );
}

/** A character as JSON can write any: `\u001b`, or as two such units. */
export function escapeCharacter(character: string): string {
  const units = character.split('');
  return units.map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`).join('');
}

/** The text of a file in UTF-8, without a byte order mark; null if it is not UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}

/** For a file in another encoding, whose other characters would be lost. */
export const NOT_UTF8 = 'this is not text in UTF-8. Save it as UTF-8.';

/** `eve`, `eve and bob`, `eve, bob and 3 more`; `nobody` for an empty list. */
export function listNames(
  names: readonly string[],
  { count, more }: { readonly count: number; readonly more: boolean },
): string {
  const rest = count - names.length;
  const last = rest > 0 ? `${more ? 'at least ' : ''}${rest.toLocaleString('en-US')} more` : names.at(-1);
  const others = rest > 0 ? names : names.slice(0, -1);
  return others.length === 0 ? (last ?? 'nobody') : `${others.join(', ')} and ${last}`;
}

/** The kind of a value, for a message that must not show the value. */
export function kindOf(value: unknown): string {
  if (value === undefined) return 'missing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
