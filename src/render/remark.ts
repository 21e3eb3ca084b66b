/**
 * One thing that a command tells, in whichever format: a line for grep, an annotation of a pull request, a test case, a
 * result of a scan.
 */
export interface Remark {
  /** `pass`: it was checked, and is right. `note`: nothing to do about it. */
  readonly level: 'error' | 'warning' | 'note' | 'pass';
  /** What kind of thing it is; stable. */
  readonly code: string;
  /** `file`, `file:line` or `file:line:column`, or the path of an option; null where it is about no place. */
  readonly at: string | null;
  /** What was looked at, where that has a name of its own: `alice, invoices, write must be allowed`. */
  readonly subject?: string;
  /** What was found; may be empty for a `pass`. */
  readonly message: string;
  /** More about it, in several lines. */
  readonly details?: string;
}

/** Where a problem is, in parts. */
export interface PlaceParts {
  /** Null where it is in no file, as for an option. */
  readonly file: string | null;
  readonly line: number | null;
  readonly column: number | null;
}

/** Takes a place apart. Paths of options, as `policy.roles.a`, are in no file. */
export function readPlace(at: string | null): PlaceParts {
  const [, file, line, column] =
    /^(.+?\.(?:ya?ml|json|csv|conf))(?::(\d+))?(?::(\d+))?$/i.exec(at ?? '') ?? [];
  if (file === undefined) return { file: null, line: null, column: null };
  const number = (text: string | undefined) => (text === undefined ? null : Number(text));
  return { file, line: number(line), column: number(column) };
}

/** The message of a remark, after what a format has no field of its own for: a place in no file, and the subject. */
export function tellRemark({ at, subject, message }: Remark): string {
  const place = readPlace(at).file === null ? at : null;
  return [place, subject, message]
    .filter((part) => part !== null && part !== undefined && part !== '')
    .join(': ');
}
