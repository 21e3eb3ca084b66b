import type { Problem } from '../errors.ts';

/** The places in a file of an object or a list that was read from it, and of each of its entries. */
interface Places {
  readonly self: string;
  readonly entries: ReadonlyMap<string, string>;
}

/** By identity, so that places stay with the parts when a definition is put together from several files. */
const placesOf = new WeakMap<object, Places>();

/** Remembers places, as `file:line:column`, of one object or list and of its entries by key or index. */
export function recordPlaces(container: object, self: string, entries: ReadonlyMap<string, string>): void {
  placesOf.set(container, { self, entries });
}

/** Gives an object the places of another one, of which it is a copy. */
export function copyPlaces(from: object, to: object): void {
  const places = placesOf.get(from);
  if (places !== undefined) placesOf.set(to, places);
}

/**
 * The place of the value that `keys` lead to from `root`, as `file:line:column`; if that value was not read from a
 * file, the place of the nearest thing around it that was. Null if there is none.
 */
export function findPlace(root: unknown, keys: readonly (string | number)[]): string | null {
  let place = (isContainer(root) ? placesOf.get(root)?.self : undefined) ?? null;
  let container = root;
  for (const key of keys) {
    if (typeof container !== 'object' || container === null) return place;
    const entry: unknown = Object.getOwnPropertyDescriptor(container, key)?.value;
    const recorded = placesOf.get(container)?.entries.get(String(key));
    place = recorded ?? (isContainer(entry) ? placesOf.get(entry)?.self : undefined) ?? place;
    container = entry;
  }
  return place;
}

/** The same for a policy definition; if nothing was read from a file, a path: `policy.roles.user.inherits[0]`. */
export function placeIn(definition: object, ...keys: readonly (string | number)[]): string {
  return findPlace(definition, keys) ?? pathOf('policy', ...keys);
}

/** The endings of files whose places may lack a line. */
export const FILE_ENDING = /\.(?:ya?ml|json|csv|conf|[cm]?[jt]s)$/i;

/** The endings of modules, which only the command line loads. */
export const MODULE_ENDINGS = ['.ts', '.mts', '.cts', '.js', '.mjs', '.cjs'];

/**
 * A path such as `policy.roles.admin`. A key that would be misread between dots is in brackets and quotes, as is one
 * that ends like a line in a file, `a:12`, or like the name of one: `json`.
 */
export function pathOf(...keys: readonly (string | number)[]): string {
  return keys.map((key, index) => segment(String(key), index === 0)).join('');
}

function segment(key: string, first: boolean): string {
  if (/^\d+$/.test(key)) return `[${key}]`;
  if (!/^[\w:/@$*-]+$/.test(key) || /:\d+$/.test(key) || FILE_ENDING.test(`.${key}`))
    return `[${JSON.stringify(key)}]`;
  return first ? key : `.${key}`;
}

function isContainer(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** The result of reading a file: plain data, whose places are recorded, and what is wrong with the text. */
export interface Parsed {
  /** Undefined when the text can't be read at all; null when it holds nothing. */
  readonly value: unknown;
  readonly problems: readonly Problem[];
}

/** How deep a file may be nested. A definition has five levels; a reader may call itself for each level. */
export const MAX_DEPTH = 100;

/** The result for a file that is nested deeper, with the place. */
export function refuseTooDeep(at: string): Parsed {
  const message = `this is nested over ${MAX_DEPTH} levels deep. Write it with fewer levels.`;
  return { value: undefined, problems: [syntaxProblem(at, message)] };
}

export function syntaxProblem(at: string, message: string): Problem {
  return { code: 'POLICY_SYNTAX', at, message };
}

/** Turns an offset in a text into a place: `file:line:column`, both counted from 1. */
export type Locate = (offset: number) => string;

export function locator(file: string, text: string): Locate {
  const starts = [0, ...Array.from(text.matchAll(/\n/g), ({ index }) => index + 1)];
  return (offset) => {
    let line = 0;
    for (let step = 2 ** Math.ceil(Math.log2(starts.length)); step >= 1; step /= 2) {
      if ((starts[line + step] ?? Number.POSITIVE_INFINITY) <= offset) line += step;
    }
    return `${file}:${line + 1}:${offset - (starts[line] ?? 0) + 1}`;
  };
}
