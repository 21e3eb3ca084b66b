import {
  type Alias,
  Composer,
  type CST,
  isAlias,
  isCollection,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  Parser,
  type YAMLMap,
} from 'yaml';
import type { Problem } from '../errors.ts';
import {
  type Locate,
  locator,
  MAX_DEPTH,
  type Parsed,
  recordPlaces,
  refuseTooDeep,
  syntaxProblem,
} from './place.ts';

/** Reads YAML 1.2, with anchors, aliases and merge keys. Never throws: what is wrong is in `problems`. */
export function parseYaml(file: string, text: string): Parsed {
  const locate = locator(file, text);
  const tokens = [...new Parser().parse(text)];
  // The composer calls itself for each level.
  const tooDeep = findDeepNode(tokens);
  if (tooDeep !== null) return refuseTooDeep(locate(tooDeep));
  // Its own search for duplicate keys compares each key with each other key.
  const [document, second] = [
    ...new Composer({ merge: true, uniqueKeys: false }).compose(tokens, true, text.length),
  ];
  if (document === undefined) {
    return { value: undefined, problems: [syntaxProblem(file, 'this is not YAML.')] };
  }
  const problems = [...document.errors, ...document.warnings].map(({ message, pos }) =>
    syntaxProblem(locate(pos[0]), `${message.replace(/\.$/, '')}.`),
  );
  if (second !== undefined) {
    problems.push(
      syntaxProblem(locate(second.range[0]), 'a second document begins here. Keep one in the file.'),
    );
  }
  if (second !== undefined || document.errors.length > 0) return { value: undefined, problems };
  const aliases = new AliasResolver(locate);
  aliases.measure(document.contents);
  if (aliases.problems.length > 0) return { value: undefined, problems: [...problems, ...aliases.problems] };
  const builder = new ValueBuilder(aliases.sources, locate);
  return { value: builder.build(document.contents), problems: [...problems, ...builder.problems] };
}

/** The place of the first node that is nested too deep. */
function findDeepNode(tokens: readonly CST.Token[]): number | null {
  const pending = tokens.map((token) => ({ token, depth: 0 }));
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { token, depth } = next;
    if (depth > MAX_DEPTH) return token.offset;
    if (token.type === 'document' && token.value !== undefined) pending.push({ token: token.value, depth });
    if (!('items' in token)) continue;
    for (const { key, value } of token.items) {
      for (const inner of [key, value]) if (inner) pending.push({ token: inner, depth: depth + 1 });
    }
  }
  return null;
}

/**
 * Builds the plain data that a document stands for, with the places of all its parts recorded; and finds which keys are
 * wrong.
 */
class ValueBuilder {
  readonly problems: Problem[] = [];
  readonly #sources: ReadonlyMap<Alias, Node>;
  readonly #locate: Locate;
  readonly #anchored = new Map<Node, unknown>();

  /** @param sources what each alias stands for: aliases of one anchor share one value */
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
      if (keys.has(key)) this.#report(pair.key, 'duplicate key. Remove one of them.');
      keys.add(key);
    }
  }

  /**
   * The entries of a map by key, with those that it merges (`<<`); its own take precedence, then those merged first.
   */
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
    this.#report(source, 'only a map can be merged. Give a map, or an alias of a map.');
    return [];
  }

  #nameOf(key: unknown, pair: Pair): string {
    if (typeof key === 'string') return key;
    this.#report(pair.key, `the key ${String(key)} must be a string: quote it.`);
    return String(key);
  }

  #sourceOf(given: unknown): unknown {
    return isAlias(given) ? this.#sources.get(given) : given;
  }

  #report(node: unknown, message: string): void {
    this.problems.push(syntaxProblem(this.#placeOf(node), message));
  }

  #placeOf(node: unknown): string {
    return this.#locate(isNode(node) ? (node.range?.[0] ?? 0) : 0);
  }
}

/** yaml reads `<<` as a symbol, and nothing else. */
function isMerge({ key }: Pair): boolean {
  return isScalar(key) && typeof key.value === 'symbol';
}

/** How many nodes all aliases of a file together may expand to. */
const MAX_EXPANSION = 1_000_000;

/** The number of nodes in a node when its aliases are expanded. */
interface Extent {
  readonly nodes: number;
  readonly depth: number;
}

/**
 * Finds the value of each alias of a node in one pass. `problems` has an alias without a value, an alias of a node
 * around it, and aliases that together expand to too much.
 */
class AliasResolver {
  readonly sources = new Map<Alias, Node>();
  readonly problems: Problem[] = [];
  readonly #locate: Locate;
  readonly #anchored = new Map<string, Node>();
  readonly #extents = new Map<Node, Extent>();
  #expansion = 0;

  constructor(locate: Locate) {
    this.#locate = locate;
  }

  measure(node: unknown): Extent {
    if (isAlias(node)) return this.#follow(node);
    if (isPair(node)) return this.#sum([node.key, node.value]);
    if (!isNode(node)) return { nodes: 0, depth: 0 };
    if (node.anchor) this.#anchored.set(node.anchor, node);
    const { nodes, depth } = this.#sum(isCollection(node) ? node.items : []);
    const extent = { nodes: nodes + 1, depth: depth + 1 };
    if (node.anchor) this.#extents.set(node, extent);
    return extent;
  }

  #sum(parts: readonly unknown[]): Extent {
    let [nodes, depth] = [0, 0];
    for (const part of parts) {
      const extent = this.measure(part);
      nodes += extent.nodes;
      depth = Math.max(depth, extent.depth);
    }
    return { nodes, depth };
  }

  #follow(alias: Alias): Extent {
    const source = this.#anchored.get(alias.source);
    if (source === undefined)
      return this.#refuse(alias, `there is no anchor "&${alias.source}" before this alias.`);
    const extent = this.#extents.get(source);
    if (extent === undefined)
      return this.#refuse(alias, `this alias is inside its own anchor "&${alias.source}".`);
    const before = this.#expansion;
    this.#expansion += extent.nodes;
    // One problem is enough: each further alias only adds to it.
    if (before <= MAX_EXPANSION && this.#expansion > MAX_EXPANSION) {
      const limit = MAX_EXPANSION.toLocaleString('en-US');
      return this.#refuse(
        alias,
        `with this alias, the aliases of the file expand to over ${limit} values. Use fewer.`,
      );
    }
    if (extent.depth > MAX_DEPTH)
      return this.#refuse(
        alias,
        `the value of this alias is nested over ${MAX_DEPTH} levels deep. Write it with fewer levels.`,
      );
    this.sources.set(alias, source);
    return extent;
  }

  #refuse(alias: Alias, message: string): Extent {
    this.problems.push(syntaxProblem(this.#locate(alias.range?.[0] ?? 0), message));
    return { nodes: 1, depth: 1 };
  }
}
