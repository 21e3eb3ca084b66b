import { addTo, getOrAdd, HashTable, hashAll, hashText } from '../collections.ts';
import type { Request } from '../policy/definition.ts';
import type { RuleIndex } from './rule-index.ts';

/** Subjects × permissions. */
export interface Block {
  readonly subjects: readonly string[];
  /** The permissions as requests, whose subject does not matter. */
  readonly permissions: readonly Request[];
}

const NO_BLOCK: Block = { subjects: [], permissions: [] };

/** Up to this many subjects, what is found out about each may be kept while their requests are decided in turns. */
export const FEW_SUBJECTS = 1_000;

/** How many times more permissions than subjects make a block wide. */
const WIDE = 100;

function isWide({ subjects, permissions }: Block): boolean {
  return subjects.length <= FEW_SUBJECTS && permissions.length >= WIDE * subjects.length;
}

/**
 * Numbered requests, by block, then by subject. Each is made when it is needed: a definition with many roles and
 * permissions has more requests than fit into memory, and no rule can match most of them.
 */
export class Matrix {
  readonly size: number;
  readonly #subject: number;
  readonly #blocks: readonly Block[];
  /** The number of each block's first request. */
  readonly #starts: Float64Array;

  /** @param subject the position of the subject in a request */
  constructor(subject: number, blocks: readonly Block[]) {
    this.#subject = subject;
    this.#blocks = blocks;
    this.#starts = new Float64Array(blocks.length);
    let size = 0;
    for (const [index, { subjects, permissions }] of blocks.entries()) {
      this.#starts[index] = size;
      size += subjects.length * permissions.length;
    }
    this.size = size;
  }

  requestAt(number: number): Request {
    const index = this.#findBlock(number);
    const { subjects, permissions } = this.#blocks[index] ?? NO_BLOCK;
    const offset = number - (this.#starts[index] ?? 0);
    const subject = subjects[Math.floor(offset / permissions.length)] ?? '';
    return permissions[offset % permissions.length]?.with(this.#subject, subject) ?? [];
  }

  /** The place of a request in the fastest order, among all requests. */
  placeOf(number: number): number {
    const index = this.#findBlock(number);
    const block = this.#blocks[index] ?? NO_BLOCK;
    if (!isWide(block)) return number;
    const { subjects, permissions } = block;
    const start = this.#starts[index] ?? 0;
    const row = Math.floor((number - start) / permissions.length);
    return start + ((number - start) % permissions.length) * subjects.length + row;
  }

  /** The numbers of these requests; a request that is in the matrix several times has several. */
  numbersOf(requests: readonly Request[]): Set<number> {
    const wanted = new Map<number, Request[]>();
    for (const request of requests) addTo(wanted, hashPermission(request, this.#subject), request);
    const numbers = new Set<number>();
    for (const [index, { subjects, permissions }] of wanted.size > 0 ? this.#blocks.entries() : []) {
      const rows = new Map(subjects.map((subject, row) => [subject, row]));
      for (const [column, permission] of permissions.entries()) {
        for (const request of wanted.get(hashPermission(permission, this.#subject)) ?? []) {
          const row = rows.get(request[this.#subject] ?? '');
          if (row === undefined || !isSamePermission(permission, request, this.#subject)) continue;
          numbers.add((this.#starts[index] ?? 0) + row * permissions.length + column);
        }
      }
    }
    return numbers;
  }

  /** The numbers of the requests that some rule can match, ascending; without an index, all. */
  *matchable(index: RuleIndex | null): Generator<number, void> {
    for (const [position, block] of this.#blocks.entries()) yield* this.#matchableIn(position, block, index);
  }

  *#matchableIn(position: number, block: Block, index: RuleIndex | null): Generator<number, void> {
    const findColumns = index === null ? () => block.permissions.keys() : columnFinder(block, index);
    for (const [row, subject] of block.subjects.entries()) {
      const first = (this.#starts[position] ?? 0) + row * block.permissions.length;
      for (const column of findColumns(subject)) yield first + column;
    }
  }

  /**
   * The same numbers, in the order in which they are decided fastest: where few subjects share very many permissions,
   * by permission, because a million rules are read much faster in their own order; else by subject.
   */
  *inFastestOrder(index: RuleIndex | null): Generator<number, void> {
    for (const [position, block] of this.#blocks.entries()) {
      if (!isWide(block)) {
        yield* this.#matchableIn(position, block, index);
        continue;
      }
      const findRows = index === null ? () => block.subjects.keys() : rowFinder(block, index);
      for (const [column, permission] of block.permissions.entries()) {
        const first = (this.#starts[position] ?? 0) + column;
        for (const row of findRows(permission)) yield first + row * block.permissions.length;
      }
    }
  }

  /** The distinct values that requests have at a position. */
  valuesAt(position: number): Set<string> {
    return new Set(
      this.#blocks.flatMap(({ subjects, permissions }) =>
        position === this.#subject ? subjects : permissions.map((permission) => permission[position] ?? ''),
      ),
    );
  }

  /** The last block that starts at or before a number and is not empty. */
  #findBlock(number: number): number {
    let [low, high] = [0, this.#starts.length];
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if ((this.#starts[middle] ?? 0) <= number) low = middle;
      else high = middle;
    }
    return low;
  }
}

/** Creates a function that finds the permissions of a block that some rule may give to a subject, ascending. */
function columnFinder(block: Block, index: RuleIndex): (subject: string) => Iterable<number> {
  const bySubject = new Map<string, number[]>();
  const forAll: number[] = [];
  for (const [column, permission] of block.permissions.entries()) {
    const subjects = index.subjectsFor(permission);
    if (subjects === null) forAll.push(column);
    for (const subject of subjects ?? []) addTo(bySubject, subject, column);
  }
  return (subject) => {
    const lists = forAll.length > 0 ? [forAll] : [];
    for (const name of index.reach(subject)) {
      const more = bySubject.get(name);
      if (more !== undefined) lists.push(more);
    }
    if (lists.length < 2) return lists[0] ?? [];
    // A permission that several subjects have is there several times.
    const columns = lists.flat().sort((a, b) => a - b);
    return columns.filter((column, place) => column !== columns[place - 1]);
  };
}

/** Creates a function that finds the subjects of a block to which some rule may give a permission, by their rows. */
function rowFinder({ subjects }: Block, index: RuleIndex): (permission: Request) => Iterable<number> {
  const rows = new Map(subjects.map((subject, row) => [subject, row]));
  const known = new Map<string, readonly number[]>();
  const rowsFor = (name: string) => getOrAdd(known, name, () => rowsAmong(rows, index.inheritorsOf(name)));
  return (permission) => {
    const names = index.subjectsFor(permission);
    if (names === null) return subjects.keys();
    const [first = ''] = names;
    if (names.size === 1) return rowsFor(first);
    // A subject that inherits from several of the names is there several times.
    return new Set([...names].flatMap(rowsFor));
  };
}

/** The rows of these names. There may be far more names than rows, as there may be far fewer. */
function rowsAmong(rows: ReadonlyMap<string, number>, names: ReadonlySet<string>): number[] {
  if (names.size > rows.size) return [...rows].flatMap(([name, row]) => (names.has(name) ? [row] : []));
  return [...names].flatMap((name) => rows.get(name) ?? []);
}

/** A key for the permission of a request: equal for requests that differ in their subject only. */
function hashPermission(request: Request, subject: number): number {
  return request.reduce((hash, value, position) => (position === subject ? hash : hashText(value, hash)), 0);
}

/** Whether two requests ask for the same, apart from the subject. */
function isSamePermission(one: Request, other: Request, subject: number): boolean {
  return (
    one.length === other.length &&
    one.every((value, position) => position === subject || value === other[position])
  );
}

/** The permissions, each once. */
export function withoutRepetition(permissions: readonly Request[], subject: number): Request[] {
  const hashes = hashAll(permissions.length, (position) =>
    hashPermission(permissions[position] ?? [], subject),
  );
  const table = new HashTable(hashes);
  return permissions.filter((permission, position) => {
    const isSame = (other: number) => isSamePermission(permissions[other] ?? [], permission, subject);
    return table.findFirst(hashes[position] ?? 0, isSame) === position;
  });
}
