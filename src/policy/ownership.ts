import type { Problem } from '../errors.ts';
import { nearestFinder } from '../nearest-name.ts';
import { findUnstorable, listRoles } from './check.ts';
import type { OnRevoked, PolicyDefinition } from './definition.ts';
import { placeIn } from './place.ts';
import { formatRule, formatText, type PlacedRule, type Rule, ruleKey, toRule } from './rule.ts';
import type { RuleSet } from './rule-set.ts';

/** The positions at which the rules of a ptype name roles: of a `p` the first is that of the subject. */
export type RolePositions = ReadonlyMap<string, readonly number[]>;

/** What a definition says about the rules that it and its earlier versions have inserted into a database. */
export interface Ownership {
  readonly version: number;
  /** What it retires and renames, as one text, which the database stores to know whether it was done. */
  readonly changes: string;
  /** Earlier name → name. */
  readonly renamedRoles: ReadonlyMap<string, string>;
  /** Role → the one that its users get instead, null for none. */
  readonly retiredRoles: ReadonlyMap<string, string | null>;
  readonly retiredRules: readonly PlacedRule[];
  readonly rolesAt: RolePositions;
  /** Whether a defined rule that was stored and is not any more stays away, whatever the reason. */
  keeps(rule: Rule): boolean;
  /** Whether this is so for any rule. */
  readonly keepsSome: boolean;
}

/** Null for a definition without a version, because the database then has no record. */
export function compileOwnership(definition: PolicyDefinition, rolesAt: RolePositions): Ownership | null {
  const { version, retired, renamed, onRevoked = 'restore' } = definition;
  if (version === undefined) return null;
  const renamedRoles = new Map(Object.entries(renamed?.roles ?? {}));
  const retiredRoles = new Map(
    Object.entries(retired?.roles ?? {}).map(([role, { reassign = null }]) => [role, reassign]),
  );
  const retiredRules = placeRetiredRules(definition);
  const ofRoles = collectOnRevoked(definition);
  return {
    version,
    changes: JSON.stringify([
      [...renamedRoles].sort(),
      [...retiredRoles].sort(),
      retiredRules.map(ruleKey).sort(),
    ]),
    renamedRoles,
    retiredRoles,
    retiredRules,
    rolesAt,
    keeps: ({ ptype, values }) => {
      const [at = -1] = rolesAt.get(ptype) ?? [];
      const name = values[at];
      return (ofRoles.get(name ?? '') ?? onRevoked) === 'keep';
    },
    keepsSome: [onRevoked, ...ofRoles.values()].includes('keep'),
  };
}

function placeRetiredRules(definition: PolicyDefinition): PlacedRule[] {
  return (definition.retired?.rules ?? []).map((rule, index) => ({
    ...toRule(rule),
    at: placeIn(definition, 'retired', 'rules', index),
  }));
}

function collectOnRevoked(definition: PolicyDefinition): ReadonlyMap<string, OnRevoked> {
  return new Map(
    listRoles(definition).flatMap(({ name, role: { onRevoked } }) =>
      onRevoked === undefined ? [] : [[name, onRevoked] as const],
    ),
  );
}

/** Finds statements about earlier versions that are impossible, or that contradict the definition. */
export function findOwnershipProblems(
  definition: PolicyDefinition,
  defined: RuleSet,
  rolesAt: RolePositions,
): Problem[] {
  return [
    ...findUnversioned(definition),
    ...findUnstorableRoles(definition),
    ...findContradictedRoles(definition, defined, rolesAt),
    ...findRetiredAndDefined(definition, defined),
  ];
}

/** Without a version, a database has no record of what a bootstrap has inserted. */
function findUnversioned(definition: PolicyDefinition): Problem[] {
  if (definition.version !== undefined) return [];
  const own = (['retired', 'renamed', 'onRevoked'] as const)
    .filter((key) => definition[key] !== undefined)
    .map((key) => [key]);
  const ofRoles = listRoles(definition)
    .filter(({ role }) => role.onRevoked !== undefined)
    .map(({ path }) => [...path, 'onRevoked']);
  return [...own, ...ofRoles].map((path) => ({
    code: 'VERSION_MISSING',
    at: placeIn(definition, ...path),
    message: `${path.at(-1)} needs a version of the definition. Add version: 1, and raise it with each release.`,
  }));
}

/** The server would read half of a surrogate pair as another name, and so change the rules of another role. */
function findUnstorableRoles(definition: PolicyDefinition): Problem[] {
  const { retired, renamed } = definition;
  const place = (key: 'retired' | 'renamed', roles: object = {}) =>
    Object.keys(roles).map((role) => ({
      ptype: 'g',
      values: [role],
      at: placeIn(definition, key, 'roles', role),
    }));
  return findUnstorable([...place('retired', retired?.roles), ...place('renamed', renamed?.roles)]);
}

function findContradictedRoles(
  definition: PolicyDefinition,
  defined: RuleSet,
  rolesAt: RolePositions,
): Problem[] {
  const { retired, renamed } = definition;
  if (retired === undefined && renamed === undefined) return [];
  const retiredRoles = retired?.roles ?? {};
  const renamedRoles = renamed?.roles ?? {};
  const known = collectRoleNames(definition, defined, rolesAt);
  const findName = nearestFinder();
  const askFor = (name: string) => {
    const nearest = findName(name, known);
    return nearest === null ? null : `Did you mean ${formatText(nearest)}?`;
  };
  return [
    ...Object.entries(retiredRoles).flatMap(([role, { reassign }]) =>
      contradictRetired(role, reassign, known, askFor),
    ),
    ...Object.entries(renamedRoles).flatMap(([from, to]) =>
      contradictRenamed(from, to, retiredRoles, known, askFor),
    ),
  ].map(({ path, message }) => {
    return { code: 'OWNERSHIP_CONTRADICTED', at: placeIn(definition, ...path), message };
  });
}

/** What contradicts the definition, and where. */
interface Contradiction {
  readonly path: readonly string[];
  readonly message: string;
}

function contradictRetired(
  role: string,
  reassign: string | undefined,
  known: ReadonlySet<string>,
  askFor: (name: string) => string | null,
): Contradiction[] {
  const path = ['retired', 'roles', role];
  const name = formatText(role);
  const found: Contradiction[] = [];
  if (known.has(role)) {
    found.push({ path, message: `role ${name} is retired, and defined as well. Remove one of the two.` });
  }
  if (reassign !== undefined && !known.has(reassign)) {
    const fact = `users of ${name} would get the role ${formatText(reassign)}, which is not defined.`;
    const remedy = askFor(reassign) ?? 'Name a defined role.';
    found.push({ path: [...path, 'reassign'], message: `${fact} ${remedy}` });
  }
  return found;
}

function contradictRenamed(
  from: string,
  to: string,
  retiredRoles: object,
  known: ReadonlySet<string>,
  askFor: (name: string) => string | null,
): Contradiction[] {
  const path = ['renamed', 'roles', from];
  const [before, now] = [formatText(from), formatText(to)];
  const messages: string[] = [];
  if (known.has(from)) {
    const fact = `role ${before} is renamed, and still defined under its earlier name.`;
    messages.push(`${fact} Define it as ${now} alone.`);
  }
  if (!known.has(to)) {
    const remedy = askFor(to) ?? 'Define it.';
    messages.push(`the role is renamed to ${now}, which is not defined. ${remedy}`);
  }
  if (Object.hasOwn(retiredRoles, from)) {
    messages.push(`role ${before} is renamed, and retired as well. Remove one of the two.`);
  }
  return messages.map((message) => ({ path, message }));
}

/** The roles of the definition, and the names that its rules give something to or take it from. */
function collectRoleNames(
  definition: PolicyDefinition,
  { rules }: RuleSet,
  rolesAt: RolePositions,
): ReadonlySet<string> {
  const names = new Set(listRoles(definition).map(({ name }) => name));
  for (const { ptype, values } of rules) {
    for (const at of rolesAt.get(ptype) ?? []) names.add(values[at] ?? '');
  }
  return names;
}

function findRetiredAndDefined(definition: PolicyDefinition, defined: RuleSet): Problem[] {
  return placeRetiredRules(definition)
    .filter((rule) => defined.has(rule))
    .map((rule) => ({
      code: 'OWNERSHIP_CONTRADICTED',
      at: rule.at,
      message: `rule "${formatRule(rule)}" is retired, and defined as well. Remove one of the two.`,
    }));
}
