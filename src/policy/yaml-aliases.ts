import { type Alias, type Document, isAlias, isCollection, isNode, isPair, type Node } from 'yaml';
import type { Problem } from '../errors.ts';
import { MAX_DEPTH } from './parsed.ts';

type Locate = (offset: number) => string;

/** How many nodes the aliases of a file may stand for, together. */
const MAX_EXPANSION = 1_000_000;

/** How much a node is with its aliases replaced by what they stand for. */
interface Extent {
  readonly nodes: number;
  readonly depth: number;
}

/**
 * What each alias of a document stands for, found in one pass. Where an alias stands for nothing or for a node
 * around it, or the aliases together for more than anybody writes, the reasons are in `problems`.
 */
export function resolveAliases(
  document: Document,
  locate: Locate,
): { readonly sources: ReadonlyMap<Alias, Node>; readonly problems: readonly Problem[] } {
  const resolver = new AliasResolver(locate);
  resolver.measure(document.contents);
  return resolver;
}

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
      return this.#refuse(alias, `this alias stands within its own anchor "&${alias.source}".`);
    const before = this.#expansion;
    this.#expansion += extent.nodes;
    // Once is enough: each further alias only adds to it.
    if (before <= MAX_EXPANSION && this.#expansion > MAX_EXPANSION) {
      const limit = MAX_EXPANSION.toLocaleString('en-US');
      return this.#refuse(
        alias,
        `with this alias, the aliases of the file stand for over ${limit} values. Write fewer.`,
      );
    }
    if (extent.depth > MAX_DEPTH)
      return this.#refuse(alias, `what this alias stands for is nested over ${MAX_DEPTH} levels deep.`);
    this.sources.set(alias, source);
    return extent;
  }

  #refuse(alias: Alias, message: string): Extent {
    this.problems.push({ code: 'POLICY_SYNTAX', at: this.#locate(alias.range?.[0] ?? 0), message });
    return { nodes: 1, depth: 1 };
  }
}
