import type { Model } from 'casbin';
import { type ConfigureEnforcer, roleAsker } from '../casbin/enforcer.ts';
import { ruleLengthsOf } from '../casbin/model.ts';
import type { StoredRule } from '../casbin/rule-row.ts';
import { addTo, collectAncestors } from '../collections.ts';
import {
  buildHierarchies,
  findCycles,
  findRolePath,
  findTooDeep,
  type Hierarchy,
  type IsFollowed,
  isFollowedByDefault,
} from '../policy/hierarchy.ts';
import { type Rule, toLine } from '../policy/rule.ts';
import type { IntegrityFinding } from '../verification-report.ts';

type StoredLink = Link<StoredRule>;

/**
 * Checks the stored role hierarchies: no circle, not deeper than Casbin follows, and no role that inherits from one
 * that is defined to inherit from it. All of these are failures; with a circle, a decision of Casbin may never end.
 */
export async function checkStructure(
  model: Model,
  live: readonly StoredRule[],
  defined: readonly Rule[],
  configureEnforcer: ConfigureEnforcer | undefined,
): Promise<IntegrityFinding[]> {
  const declared = new Map(
    buildHierarchies(loadLinks(model, defined)).map((one) => [hierarchyKey(one), one]),
  );
  const links = groupLinks(loadLinks(model, live));
  const hierarchies = buildHierarchies([...links.values()].flat());
  const cyclesOf = new Map(hierarchies.map((hierarchy) => [hierarchy, findCycles(hierarchy)]));
  const isCyclic = [...cyclesOf.values()].some((cycles) => cycles.length > 0);
  const isFollowedIn = followedBy(model, live, configureEnforcer);
  const findings: IntegrityFinding[] = [];
  for (const [hierarchy, cycles] of cyclesOf) {
    const own = links.get(hierarchyKey(hierarchy)) ?? [];
    // With a circle, a role manager that follows many links may take forever to answer.
    const isAskable = configureEnforcer === undefined || !isCyclic;
    const tooDeep = isAskable ? await findTooDeep(hierarchy, isFollowedIn(hierarchy)) : [];
    const turned = cycles.length > 0 ? [] : findTurned(hierarchy, declared.get(hierarchyKey(hierarchy)));
    findings.push(
      ...cycles.map((path) => structureFinding(own, path, describeCycle(path))),
      ...tooDeep.map((path) => structureFinding(own, path, describeTooDeep(path))),
      ...turned.map((path) => structureFinding(own, path, describeTurned(path))),
    );
  }
  return findings;
}

/**
 * Returns which inheritance the role managers of an enforcer with these rules follow. Without `configureEnforcer` this
 * is known, and no enforcer is needed.
 */
export function followedBy(
  model: Model,
  rules: readonly Rule[],
  configureEnforcer: ConfigureEnforcer | undefined,
): (hierarchy: Hierarchy) => IsFollowed {
  if (configureEnforcer === undefined) return () => isFollowedByDefault;
  const ask = roleAsker(model, rules, configureEnforcer);
  return ({ ptype, domains }) =>
    (from, to) =>
      ask({ ptype, from, to, domains });
}

/** Paths on which a role inherits from one that is defined to inherit from it. */
function findTurned(hierarchy: Hierarchy, declared: Hierarchy | undefined): string[][] {
  if (declared === undefined) return [];
  const roles = new Set([...declared.parents].flatMap(([child, parents]) => [child, ...parents]));
  return [...roles].flatMap((role) =>
    [...collectAncestors(hierarchy.parents, role)]
      .filter((other) => other !== role && collectAncestors(declared.parents, other).has(role))
      .flatMap((other) => {
        const path = findRolePath(hierarchy, role, other);
        return path === null ? [] : [path];
      }),
  );
}

function describeCycle(path: readonly string[]): string {
  return `Roles inherit from each other in a circle: ${path.join(' → ')}. Delete one of the links.`;
}

function describeTooDeep(path: readonly string[]): string {
  const links = path.length - 1;
  return `Inheritance over ${links} links, and Casbin silently stops at ${links - 1}: ${path.join(' → ')}. Flatten the hierarchy.`;
}

function describeTurned(path: readonly string[]): string {
  return `"${path[0]}" inherits from "${path.at(-1)}" (${path.join(' → ')}), but the definition says the opposite. Delete the link that reverses the hierarchy.`;
}

function hierarchyKey({ ptype, domain }: Pick<Hierarchy, 'ptype' | 'domain'>): string {
  return JSON.stringify([ptype, domain]);
}

function groupLinks(links: readonly StoredLink[]): Map<string, StoredLink[]> {
  const groups = new Map<string, StoredLink[]>();
  for (const link of links) {
    const key = hierarchyKey({ ptype: link.ptype, domain: link.values.slice(2).join(', ') });
    addTo(groups, key, link);
  }
  return groups;
}

function structureFinding(
  links: readonly StoredLink[],
  path: readonly string[],
  message: string,
): IntegrityFinding {
  const steps = new Set(path.slice(1).map((parent, index) => JSON.stringify([path[index], parent])));
  const involved = links.filter(({ values }) => steps.has(JSON.stringify(values.slice(0, 2))));
  const first = involved[0]?.stored;
  return {
    severity: 'failure',
    ids: involved.map(({ stored }) => stored.id),
    rule: first === undefined ? [] : toLine(first),
    message,
  };
}

/** A role link as Casbin makes it of a stored rule. */
export interface Link<Stored extends Rule> extends Rule {
  readonly stored: Stored;
}

/**
 * The role links that Casbin makes of a policy: values beyond what the model defines are cut off, rules of a
 * ptype that it lacks are left out.
 */
export function loadLinks<Stored extends Rule>(model: Model, rules: readonly Stored[]): Link<Stored>[] {
  const lengths = ruleLengthsOf(model);
  return rules
    .filter(({ ptype }) => ptype.startsWith('g') && lengths.has(ptype))
    .map((stored) => ({
      ptype: stored.ptype,
      values: stored.values.slice(0, lengths.get(stored.ptype)),
      stored,
    }));
}
