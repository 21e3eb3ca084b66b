/**
 * Candidates that are enough, and none of them for nothing: the last one of the shortest beginning of the list that
 * is enough is needed, then likewise among those before it.
 */
export async function findNeeded<T>(
  isEnough: (some: readonly T[]) => Promise<boolean>,
  candidates: readonly T[],
): Promise<T[]> {
  const needed: T[] = [];
  let rest = candidates;
  while (rest.length > 0 && !(await isEnough(needed))) {
    let [tooFew, enough] = [0, rest.length];
    while (enough - tooFew > 1) {
      const middle = Math.floor((tooFew + enough) / 2);
      if (await isEnough([...needed, ...rest.slice(0, middle)])) enough = middle;
      else tooFew = middle;
    }
    needed.push(...rest.slice(enough - 1, enough));
    rest = rest.slice(0, enough - 1);
  }
  return needed;
}
