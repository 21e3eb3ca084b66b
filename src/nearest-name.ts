import { createRequire } from 'node:module';

/** The known name with the fewest edits to the given one, if there are only `few`: by default more for a long name. */
export function findNearest(
  name: string,
  known: Iterable<string>,
  few = Math.min(3, Math.floor((name.length + 1) / 3)),
): string | null {
  // Not imported: it is loaded only when a name is unknown.
  const { distance }: typeof import('fastest-levenshtein') = createRequire(import.meta.url)(
    'fastest-levenshtein',
  );
  let nearest: string | null = null;
  let fewest = Math.min(few, name.length - 1) + 1;
  for (const candidate of known) {
    const edits = distance(name.toLowerCase(), candidate.toLowerCase());
    if (edits >= fewest) continue;
    fewest = edits;
    nearest = candidate;
  }
  return nearest;
}

/** How many pairs of names are compared in less than a second. */
const MAX_COMPARISONS = 1_000_000;

/**
 * Creates a function that finds nearest names for all problems of a definition. After many comparisons it returns null,
 * because thousands of unknown names are not misspelt, and each would be compared with thousands of others.
 */
export function nearestFinder(): (name: string, known: ReadonlySet<string>) => string | null {
  let left = MAX_COMPARISONS;
  return (name, known) => {
    left -= known.size;
    return left < 0 ? null : findNearest(name, known);
  };
}
