import { FILE_ENDING } from '../policy/place.ts';

/**
 * One thing that a command reports, in any format: a line for grep, an annotation of a pull request, a test case, a
 * result of a scan.
 */
export interface Remark {
  /** `pass`: it was checked, and is correct. `note`: there is nothing to do about it. */
  readonly level: 'error' | 'warning' | 'note' | 'pass';
  /** What kind of thing it is; stable. */
  readonly code: string;
  /** `file`, `file:line` or `file:line:column`, or the path of an option; null without a place. */
  readonly at: string | null;
  /** The name of what was checked, if it has one: `alice, invoices, write must be allowed`. */
  readonly subject?: string;
  /** What was found; may be empty for a `pass`. */
  readonly message: string;
  /** More about it, in several lines. */
  readonly details?: string;
}

/** A remark without a place. */
export function remark(level: Remark['level'], code: string, message: string, subject?: string): Remark {
  return { level, code, at: null, message, ...(subject !== undefined && { subject }) };
}

/** The parts of a place. */
export interface PlaceParts {
  /** Null if it is in no file, as for an option. */
  readonly file: string | null;
  readonly line: number | null;
  readonly column: number | null;
}

/**
 * Splits a place into its parts. What ends with a line is in a file of any name; a place without a line only if it has
 * the ending of a file, because paths of options, such as `policy.roles.a`, are in no file.
 */
export function readPlace(at: string | null): PlaceParts {
  const text = at ?? '';
  const [, file = text, line, column] = /^(.+?):(\d+)(?::(\d+))?$/.exec(text) ?? [];
  if (line === undefined && !FILE_ENDING.test(file)) return { file: null, line: null, column: null };
  const number = (digits: string | undefined) => (digits === undefined ? null : Number(digits));
  return { file, line: number(line), column: number(column) };
}

/** The message of a remark, after the parts for which a format has no field: a place in no file, and the subject. */
export function tellRemark({ at, subject, message }: Remark): string {
  const place = readPlace(at).file === null ? at : null;
  return [place, subject, message].filter(Boolean).join(': ');
}
