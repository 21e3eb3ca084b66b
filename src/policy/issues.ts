import * as v from 'valibot';
import type { Problem } from '../errors.ts';
import { findNearest } from '../nearest-name.ts';
import { shorten } from '../text.ts';
import { findPlace, pathOf } from './place.ts';
import { formatText } from './rule.ts';

/** The names of types that valibot names after a constructor. */
const RECEIVED_TYPES: Readonly<Record<string, string>> = {
  Object: 'an object',
  Array: 'a list',
  Function: 'a function',
  Promise: 'a promise: put await before it',
  undefined: 'missing',
};

/** Converts an issue of valibot to a problem, at a path below `root`. */
export function describeIssue(issue: v.BaseIssue<unknown>, root: string): Problem {
  const keys = (issue.path ?? []).map(({ key }) => String(key));
  const at = keys.length === 0 ? root : pathOf(...keys);
  if (issue.expected === NOTHING) return { code: 'OPTION_UNKNOWN', at, message: issue.message };
  if (issue.expected === AS_TOLD) return { code: 'OPTION_INVALID', at, message: `${issue.message}.` };
  if (isMissingKey(issue)) {
    const parent = keys.length === 1 ? root : pathOf(...keys.slice(0, -1));
    const why = parent === 'options' ? '' : `: ${parent} ${issue.message}`;
    return { code: 'OPTION_INVALID', at, message: `it is missing${why}.` };
  }
  return { code: 'OPTION_INVALID', at, message: `${issue.message} (it ${describeReceived(issue)}).` };
}

/** All problems in the shape of a value. */
export function findMisshapen(shape: v.GenericSchema, input: unknown, at = 'options'): Problem[] {
  return v.safeParse(shape, input).issues?.map((issue) => describeIssue(issue, at)) ?? [];
}

/** All problems in the shape of what a file holds, each at its place in the file. */
export function findMisshapenPlaces(shape: v.GenericSchema, file: string, content: unknown): Problem[] {
  const { issues = [] } = v.safeParse(shape, content);
  return issues.map((issue) => {
    const { code, at: path, message } = describeIssue(issue, '');
    const keys = issue.path?.map(({ key }) => String(key)) ?? [];
    const at = findPlace(content, keys) ?? file;
    return { code, at, message: path === '' ? message : `${path}: ${message}` };
  });
}

function describeReceived({ type, input, received }: v.BaseIssue<unknown>): string {
  if (typeof input === 'string') return `is ${formatText(shorten(input, 80))}`;
  if (type === 'min_length') return `has ${received}`;
  return `is ${RECEIVED_TYPES[received] ?? received}`;
}

/** An issue about a missing key of an object, with the path of that key. */
function isMissingKey(issue: v.BaseIssue<unknown>): boolean {
  return (
    issue.type === 'loose_object' && issue.received === 'undefined' && issue.path?.at(-1)?.type === 'object'
  );
}

/** What {@link fields} expects of a key that it does not know; no other issue expects it. */
const NOTHING = 'no such option';

/** Marks an issue whose message is complete: what was received is not added to it. */
export const AS_TOLD = 'what the message says';

/** Stands for a value that was not given. */
const MISSING = Symbol('missing');

/** An entry that must be given, with the remedy if it is missing, as a sentence without its full stop. */
export function needed(schema: v.GenericSchema, remedy: string): v.OptionalSchema<v.GenericSchema, unknown> {
  const missing = v.pipe(
    v.any(),
    v.rawCheck(({ addIssue }) => addIssue({ expected: AS_TOLD, message: `it is missing. ${remedy}` })),
  );
  return v.optional(
    v.lazy((input): v.GenericSchema => (input === MISSING ? missing : schema)),
    MISSING,
  );
}

/** An object literal or a module: otherwise an array, a Map or a Date would pass as an empty object. */
function plainObject(message: string) {
  return v.custom<object>(
    (value) => ['[object Object]', '[object Module]'].includes(Object.prototype.toString.call(value)),
    message,
  );
}

/**
 * An object with these keys and no other. The message about an unknown key has the nearest one, or all of them, unless
 * `explain` knows what was meant.
 */
export function fields<const Entries extends v.ObjectEntries>(
  entries: Entries,
  message: string,
  explain: (key: string, value: unknown) => string | null = () => null,
) {
  // Lazy, because it needs the input itself: valibot's copy lacks keys such as `constructor`.
  return v.lazy((input) =>
    v.pipe(
      plainObject(message),
      v.looseObject(entries, message),
      v.rawCheck(({ addIssue }) => {
        const given = Object(input);
        for (const [key, value] of Object.entries<unknown>(given)) {
          if (Object.hasOwn(entries, key)) continue;
          addIssue({
            expected: NOTHING,
            message: `there is no such option. ${explain(key, value) ?? hintAt(key, Object.keys(entries))}`,
            path: [{ type: 'object', origin: 'key', input: given, key, value }],
          });
        }
      }),
    ),
  );
}

function hintAt(key: string, known: readonly string[]): string {
  const nearest = findNearest(key, known);
  return nearest === null ? `Known are ${known.join(', ')}.` : `Did you mean ${nearest}?`;
}

/**
 * An object of any keys, with values of one kind. It uses a Map, because valibot's record skips keys such as
 * `constructor`, which may be the name of a role.
 */
export function dictionary<Value extends v.GenericSchema>(value: Value, message: string) {
  return v.pipe(
    plainObject(message),
    v.check(
      (input) => inheritedKeys(input).length === 0,
      ({ input }) => {
        const keys = inheritedKeys(Object(input)).join(', ');
        return `must have its own keys, but inherits ${keys}. In JavaScript, write the key __proto__ as ["__proto__"]`;
      },
    ),
    v.transform((input) => new Map(Object.entries(input))),
    v.map(v.string(), value),
  );
}

/** Keys that are not among the entries of an object: `__proto__: {…}` in a literal sets its prototype. */
function inheritedKeys(input: object): string[] {
  const keys: string[] = [];
  for (const key in input) if (!Object.hasOwn(input, key)) keys.push(key);
  return keys;
}
