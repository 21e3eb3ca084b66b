const NONE = -1;

/** The offset basis and the prime of FNV-1a. */
const BASIS = 0x811c9dc5;
const PRIME = 0x01000193;

/**
 * Positions by the hash of the value at each. It keeps only numbers, because a million texts as keys of a Map would
 * need much more memory. Different values may have the same hash, so the caller has to compare what is found.
 */
export class HashTable {
  readonly #hashes: Int32Array;
  readonly #first: Int32Array;
  readonly #next: Int32Array;

  /** @param hashes the hash of each position */
  constructor(hashes: Int32Array) {
    this.#hashes = hashes;
    this.#first = new Int32Array(2 ** Math.ceil(Math.log2(hashes.length + 1))).fill(NONE);
    this.#next = new Int32Array(hashes.length);
    // From the last to the first, so that positions are found in ascending order.
    for (let position = hashes.length - 1; position >= 0; position--) {
      const slot = this.#slotOf(hashes[position] ?? 0);
      this.#next[position] = this.#first[slot] ?? NONE;
      this.#first[slot] = position;
    }
  }

  /** The positions with this hash, ascending. */
  find(hash: number): number[] {
    const found: number[] = [];
    for (let position = this.first(hash); position !== NONE; position = this.after(position))
      found.push(position);
    return found;
  }

  /** The first position with this hash that `isWanted`; -1 when there is none. */
  findFirst(hash: number, isWanted: (position: number) => boolean): number {
    let position = this.first(hash);
    while (position !== NONE && !isWanted(position)) position = this.after(position);
    return position;
  }

  /** The first position with this hash; -1 when there is none. */
  first(hash: number): number {
    return this.#skipOthers(this.#first[this.#slotOf(hash)] ?? NONE, hash);
  }

  /** The next position with the same hash as this one; -1 when there is none. */
  after(position: number): number {
    return this.#skipOthers(this.#next[position] ?? NONE, this.hashAt(position));
  }

  hashAt(position: number): number {
    return this.#hashes[position] ?? 0;
  }

  #skipOthers(from: number, hash: number): number {
    let position = from;
    while (position !== NONE && this.#hashes[position] !== hash) position = this.#next[position] ?? NONE;
    return position;
  }

  #slotOf(hash: number): number {
    return (hash ^ (hash >>> 16)) & (this.#first.length - 1);
  }
}

/** The hashes of `count` values, each by `hashAt`. */
export function hashAll(count: number, hashAt: (position: number) => number): Int32Array {
  const hashes = new Int32Array(count);
  for (let position = 0; position < count; position++) hashes[position] = hashAt(position);
  return hashes;
}

/**
 * The hash of a text that follows others: FNV-1a over UTF-16 units, and after each text a separator that is not such a
 * unit.
 */
export function hashText(text: string, before: number = BASIS): number {
  let hash = before;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), PRIME);
  return Math.imul(hash ^ 0x10000, PRIME);
}

/** Adds a value to the list of a key. */
export function addTo<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const values = map.get(key);
  if (values === undefined) map.set(key, [value]);
  else values.push(value);
}

/** The value of a key; if it has none yet, one is made for it. */
export function getOrAdd<K, V>(map: Map<K, V>, key: K, create: (key: K) => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const created = create(key);
  map.set(key, created);
  return created;
}

/** Remembers the last result of a function, and calls it again only for other arguments. */
export function rememberLast<Given extends unknown[], V>(
  compute: (...given: Given) => V,
): (...given: Given) => V {
  let last: { readonly given: Given; readonly value: V } | null = null;
  return (...given) => {
    if (last === null || given.some((one, index) => one !== last?.given[index])) {
      last = { given, value: compute(...given) };
    }
    return last.value;
  };
}

/** A role, and all that it inherits from over so many links: by default over any number, more than Casbin follows. */
export function collectAncestors(
  parents: ReadonlyMap<string, Iterable<string>>,
  role: string,
  maxLinks = Number.POSITIVE_INFINITY,
): ReadonlySet<string> {
  const ancestors = new Set([role]);
  let [seen, nearer, links] = [0, 1, 0];
  for (const name of ancestors) {
    if (seen === nearer) {
      nearer = ancestors.size;
      links += 1;
    }
    if (links === maxLinks) break;
    seen += 1;
    for (const parent of parents.get(name) ?? []) ancestors.add(parent);
  }
  return ancestors;
}

/** The values, each once: the last of those that JSON shows alike, at the place of the first. */
export function eachOnce<T>(values: readonly T[]): T[] {
  return [...new Map(values.map((value) => [JSON.stringify(value), value])).values()];
}

/** Whether two lists have the same texts in the same order. */
export function isSameList(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((value, index) => value === other[index]);
}
