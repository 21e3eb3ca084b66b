import { isSameList } from '../collections.ts';

/** A stored rule, and the number of its rows: a table without uniqueness may hold a rule more than once. */
export interface Entry {
  readonly values: string[];
  /** For a `p` rule: the value that is compared with the subject of a request. */
  readonly subject: string;
  /** Ascends as rules are added. */
  readonly order: number;
  rows: number;
}

/** Rules in their order: as a list, or by their values if they are many, as where one subject has many patterns. */
export type Entries = readonly Entry[] | Map<string, Entry>;

/** Up to this number, rules are a list, which is looked through. */
export const LOOKED_THROUGH = 16;

export function findIn(entries: Entries, values: readonly string[]): Entry | undefined {
  return entries instanceof Map
    ? entries.get(keyOf(values))
    : entries.find((entry) => isSameList(entry.values, values));
}

/** Adds an entry that comes after all others. */
export function withEntry(entries: Entries, added: Entry): Entries {
  if (entries instanceof Map) return entries.set(keyOf(added.values), added);
  const all = [...entries, added];
  return all.length <= LOOKED_THROUGH ? all : new Map(all.map((entry) => [keyOf(entry.values), entry]));
}

/** Removes an entry. Null if none is left. */
export function withoutEntry(entries: Entries, gone: Entry): Entries | null {
  if (entries instanceof Map) {
    entries.delete(keyOf(gone.values));
    return entries.size > 0 ? entries : null;
  }
  const left = entries.filter((entry) => entry !== gone);
  return left.length > 0 ? left : null;
}

/** NUL separates the values: PostgreSQL can't store it, so no rule has one. */
function keyOf(values: readonly string[]): string {
  return values.join('\0');
}
