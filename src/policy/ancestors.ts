/** A role, and all that it inherits from, at any depth: more than Casbin would follow. */
export function collectAncestors(
  parents: ReadonlyMap<string, readonly string[]>,
  role: string,
): ReadonlySet<string> {
  const ancestors = new Set([role]);
  for (const name of ancestors) {
    for (const parent of parents.get(name) ?? []) ancestors.add(parent);
  }
  return ancestors;
}
