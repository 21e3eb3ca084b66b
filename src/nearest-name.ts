import { createRequire } from 'node:module';

/** How many edits a misspelt name may be away from the correct one. */
const FEW_EDITS = 3;

/** The known name with the fewest edits to the given one, if there are only few. */
export function findNearest(name: string, known: Iterable<string>, few = FEW_EDITS): string | null {
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
