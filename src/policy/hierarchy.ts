import { addTo, collectAncestors, getOrAdd } from '../collections.ts';
import type { Rule } from './rule.ts';

/** Casbin's role manager follows at most this many links. It silently ignores deeper inheritance. */
export const MAX_INHERITANCE_LINKS = 10;

/** Who inherits directly from whom, in one role definition (`g`, `g2` …) and one domain. */
export interface Hierarchy {
  readonly ptype: string;
  readonly domain: string;
  /** The values after the two roles in the links: the domain, if there is one. */
  readonly domains: readonly string[];
  readonly parents: ReadonlyMap<string, readonly string[]>;
}

/** The hierarchies that a policy's `g` rules make, one for each ptype and domain. */
export function buildHierarchies(rules: readonly Rule[]): Hierarchy[] {
  const hierarchies = new Map<string, Hierarchy & { parents: Map<string, string[]> }>();
  for (const { ptype, values } of rules) {
    const [child, parent, ...domains] = values;
    if (!ptype.startsWith('g') || child === undefined || parent === undefined) continue;
    const { parents } = getOrAdd(hierarchies, JSON.stringify([ptype, ...domains]), () => ({
      ptype,
      domain: domains.join(', '),
      domains,
      parents: new Map(),
    }));
    addTo(parents, child, parent);
  }
  return [...hierarchies.values()];
}

/** Circles of two roles or more, each as a path that ends where it began. Each circle is there once. */
export function findCycles({ parents }: Hierarchy): string[][] {
  const cycles: string[][] = [];
  const finished = new Set<string>();
  for (const start of parents.keys()) {
    // An explicit stack: a hierarchy may be deeper than JavaScript's own.
    const path: string[] = [];
    const onPath = new Set<string>();
    const stack: { role: string; next: number }[] = [];
    const enter = (role: string) => {
      path.push(role);
      onPath.add(role);
      stack.push({ role, next: 0 });
    };
    if (!finished.has(start)) enter(start);
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const parent = (parents.get(top.role) ?? [])[top.next++];
      if (parent === undefined) {
        stack.pop();
        path.pop();
        onPath.delete(top.role);
        finished.add(top.role);
      } else if (onPath.has(parent)) {
        if (parent !== top.role) cycles.push([...path.slice(path.indexOf(parent)), parent]);
      } else if (!finished.has(parent)) {
        enter(parent);
      }
    }
  }
  return cycles;
}

/** The path of roles from `from` to `to` with the fewest links, both included; null if there is none. */
export function findRolePath({ parents }: Hierarchy, from: string, to: string): string[] | null {
  const cameFrom = new Map<string, string | null>([[from, null]]);
  for (let level = [from]; level.length > 0; level = nextLevel(parents, level, cameFrom)) {
    if (cameFrom.has(to)) return tracePath(cameFrom, to);
  }
  return null;
}

/** A role, and the roles that it inherits from, as far as Casbin follows. */
export function collectInherited({ parents }: Hierarchy, role: string): string[] {
  return [...collectAncestors(parents, role, MAX_INHERITANCE_LINKS)];
}

/** Whether a role manager follows inheritance from one role to another that is so many links away. */
export type IsFollowed = (from: string, to: string, links: number) => boolean | Promise<boolean>;

/** What Casbin's role manager does, unless it was given another limit. */
export const isFollowedByDefault: IsFollowed = (_from, _to, links) => links <= MAX_INHERITANCE_LINKS;

/**
 * Inheritance that is not followed: for each role that has some, a path to one of the nearest roles that it does
 * not inherit from.
 *
 * The limit of depth is the same for all roles, so the role manager is asked once for each number of links.
 */
export async function findTooDeep(
  { parents }: Hierarchy,
  isFollowed: IsFollowed = isFollowedByDefault,
): Promise<string[][]> {
  const tooDeep: string[][] = [];
  let followed = 1;
  for (const role of parents.keys()) {
    const cameFrom = new Map<string, string | null>([[role, null]]);
    let level = nextLevel(parents, [role], cameFrom);
    for (let links = 1; level[0] !== undefined; links++) {
      if (links > followed) {
        if (!(await isFollowed(role, level[0], links))) {
          tooDeep.push(tracePath(cameFrom, level[0]));
          break;
        }
        followed = links;
      }
      level = nextLevel(parents, level, cameFrom);
    }
  }
  return tooDeep;
}

function nextLevel(
  parents: Hierarchy['parents'],
  level: readonly string[],
  cameFrom: Map<string, string | null>,
): string[] {
  const next: string[] = [];
  for (const role of level) {
    for (const parent of parents.get(role) ?? []) {
      if (cameFrom.has(parent)) continue;
      cameFrom.set(parent, role);
      next.push(parent);
    }
  }
  return next;
}

function tracePath(cameFrom: ReadonlyMap<string, string | null>, end: string): string[] {
  const path: string[] = [];
  for (let role: string | null | undefined = end; role != null; role = cameFrom.get(role)) path.unshift(role);
  return path;
}
