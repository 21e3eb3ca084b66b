import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  type YAMLMap,
} from 'yaml';
import type { Problem } from '../errors.ts';
import { recordPlaces } from './place.ts';

type Locate = (offset: number) => string;

/**
 * The plain data that a document stands for, with the places of all its parts recorded; and which keys are wrong.
 *
 * @param sources what each alias stands for: aliases of one anchor share one value
 */
export function buildYamlValue(
  document: Document,
  sources: ReadonlyMap<Alias, Node>,
  locate: Locate,
): { readonly value: unknown; readonly problems: readonly Problem[] } {
  const builder = new ValueBuilder(sources, locate);
  return { value: builder.build(document.contents), problems: builder.problems };
}

class ValueBuilder {
  readonly problems: Problem[] = [];
  readonly #sources: ReadonlyMap<Alias, Node>;
  readonly #locate: Locate;
  readonly #anchored = new Map<Node, unknown>();

  constructor(sources: ReadonlyMap<Alias, Node>, locate: Locate) {
    this.#sources = sources;
    this.#locate = locate;
  }

  build(given: unknown): unknown {
    const node = this.#sourceOf(given);
    if (!isNode(node)) return node;
    if (this.#anchored.has(node)) return this.#anchored.get(node);
    const value = this.#buildNode(node);
    if (node.anchor) this.#anchored.set(node, value);
    return value;
  }

  #buildNode(node: Node): unknown {
    if (isSeq(node)) {
      const places = node.items.map((item, index) => [String(index), this.#placeOf(item)] as const);
      const list = node.items.map((item) => this.build(item));
      recordPlaces(list, this.#placeOf(node), new Map(places));
      return list;
    }
    if (!isMap(node)) return isScalar(node) ? node.value : undefined;
    this.#refuseDuplicates(node);
    const places = new Map<string, string>();
    const entries = [...this.#entriesOf(node)].map(([key, pair]) => {
      const name = this.#nameOf(key, pair);
      places.set(name, this.#placeOf(pair.key));
      return [name, this.build(pair.value)] as const;
    });
    // Unlike an assignment, this keeps a key such as `__proto__`.
    const value = Object.fromEntries(entries);
    recordPlaces(value, this.#placeOf(node), places);
    return value;
  }

  #refuseDuplicates({ items }: YAMLMap): void {
    const keys = new Set<unknown>();
    for (const pair of items) {
      const key = this.#keyOf(pair);
      if (keys.has(key)) {
        const message = 'this key stands in the same object before. Remove one of them.';
        this.problems.push({ code: 'POLICY_SYNTAX', at: this.#placeOf(pair.key), message });
      }
      keys.add(key);
    }
  }

  /** The entries of a map by key, with those that it merges (`<<`); its own take precedence, then those merged first. */
  #entriesOf(map: YAMLMap): Map<unknown, Pair> {
    const entries = new Map<unknown, Pair>();
    for (const pair of map.items) {
      if (!isMerge(pair)) {
        entries.set(this.#keyOf(pair), pair);
        continue;
      }
      const merged = this.#sourceOf(pair.value);
      for (const source of isSeq(merged) ? merged.items : [pair.value]) {
        for (const [key, inherited] of this.#mergedEntries(source)) {
          if (!entries.has(key)) entries.set(key, inherited);
        }
      }
    }
    return entries;
  }

  #keyOf({ key }: Pair): unknown {
    const node = this.#sourceOf(key);
    return isScalar(node) ? node.value : node;
  }

  #mergedEntries(source: unknown): Iterable<[unknown, Pair]> {
    const map = this.#sourceOf(source);
    if (isMap(map)) return this.#entriesOf(map);
    const message = 'only a map can be merged. Give one, or an alias of one.';
    this.problems.push({ code: 'POLICY_SYNTAX', at: this.#placeOf(source), message });
    return [];
  }

  #nameOf(key: unknown, pair: Pair): string {
    if (typeof key === 'string') return key;
    const message = `the key ${String(key)} must be a string: quote it.`;
    this.problems.push({ code: 'POLICY_SYNTAX', at: this.#placeOf(pair.key), message });
    return String(key);
  }

  #sourceOf(given: unknown): unknown {
    return isAlias(given) ? this.#sources.get(given) : given;
  }

  #placeOf(node: unknown): string {
    return this.#locate(isNode(node) ? (node.range?.[0] ?? 0) : 0);
  }
}

/** yaml reads `<<` as a symbol, and nothing else. */
function isMerge({ key }: Pair): boolean {
  return isScalar(key) && typeof key.value === 'symbol';
}
