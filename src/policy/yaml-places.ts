import { type Document, isAlias, isMap, isScalar, isSeq, type Pair, type YAMLMap } from 'yaml';
import type { Problem } from '../errors.ts';
import { hasPlaces, recordPlaces } from './place.ts';

type Locate = (offset: number) => string;

/** Records where everything in a document stands, for the value that it stands for. Returns what keys are wrong. */
export function recordYamlPlaces(document: Document, value: unknown, locate: Locate): Problem[] {
  return recordNode(document, document.contents, value, locate);
}

function recordNode(document: Document, given: unknown, value: unknown, locate: Locate): Problem[] {
  if (typeof value !== 'object' || value === null || hasPlaces(value)) return [];
  const node = isAlias(given) ? given.resolve(document) : given;
  const places = new Map<string, string>();
  if (isSeq(node) && Array.isArray(value)) {
    recordPlaces(value, locate(startOf(node)), places);
    return node.items.flatMap((item, index) => {
      places.set(String(index), locate(startOf(item)));
      return recordNode(document, item, value[index], locate);
    });
  }
  if (!isMap(node)) return [];
  recordPlaces(value, locate(startOf(node)), places);
  return [...entriesOf(document, node)].flatMap(([key, pair]) => {
    const at = locate(startOf(pair.key));
    if (typeof key !== 'string') {
      const message = `the key ${String(key)} must be a string: quote it.`;
      return { code: 'POLICY_SYNTAX', at, message } satisfies Problem;
    }
    places.set(key, at);
    const entry: unknown = Object.getOwnPropertyDescriptor(value, key)?.value;
    return recordNode(document, pair.value, entry, locate);
  });
}

/** The entries of a map by key: those that it merges (`<<`), and over them its own. */
function entriesOf(document: Document, map: YAMLMap): Map<unknown, Pair> {
  const merged = map.items
    .filter(isMerge)
    .flatMap(({ value }) => (isSeq(value) ? value.items.toReversed() : [value]));
  const sources = merged.map((source) => (isAlias(source) ? source.resolve(document) : source)).filter(isMap);
  const own = map.items
    .filter((pair) => !isMerge(pair))
    .map((pair) => [isScalar(pair.key) ? pair.key.value : pair.key, pair] as const);
  return new Map([...sources.flatMap((source) => [...entriesOf(document, source)]), ...own]);
}

/** yaml reads `<<` as a symbol, and nothing else. */
function isMerge({ key }: Pair): boolean {
  return isScalar(key) && typeof key.value === 'symbol';
}

function startOf(node: unknown): number {
  const range = typeof node === 'object' && node !== null && 'range' in node ? node.range : null;
  return Array.isArray(range) && typeof range[0] === 'number' ? range[0] : 0;
}
