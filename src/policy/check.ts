import type { Problem } from '../errors.ts';
import { nearestFinder } from '../nearest-name.ts';
import { type DefinedRule, isRepeated } from './compile.ts';
import {
  type ListedKind,
  type PolicyDefinition,
  permissionNames,
  type Request,
  type RoleDefinition,
} from './definition.ts';
import { buildHierarchies, findCycles, findTooDeep, type Hierarchy, type IsFollowed } from './hierarchy.ts';
import { placeIn } from './place.ts';
import { formatRule, formatText, formatValue } from './rule.ts';
import type { RuleSet } from './rule-set.ts';

/** The fields that a rule of each ptype must have, as the model defines them. */
type RuleFields = ReadonlyMap<string, readonly string[]>;

/** Rules that do not fit the model: unknown ptype, wrong number of values. */
export function findMisfits(rules: readonly DefinedRule[], fields: RuleFields): Problem[] {
  return rules.flatMap((rule): Problem[] => {
    const own = fields.get(rule.ptype);
    if (own === undefined) {
      const known = [...fields.keys()].join(', ');
      const message = `rule "${formatRule(rule)}" has ptype ${formatText(rule.ptype)}, which the model does not define. Use one of ${known}, or define it in the model.`;
      return [{ code: 'RULE_UNKNOWN_PTYPE', at: rule.at, message }];
    }
    if (rule.values.length !== own.length) {
      const message = `rule "${formatRule(rule)}" has ${countValues(rule.values.length)}, but the model defines ${own.length}: ${rule.ptype} = ${own.join(', ')}. ${adviseLength(rule, own.length)}`;
      return [{ code: 'RULE_WRONG_LENGTH', at: rule.at, message }];
    }
    return [];
  });
}

function adviseLength({ ptype, values, isOfRole }: DefinedRule, length: number): string {
  if (isOfRole) {
    return 'Roles make rules of this form only: write it under rules, or, if the model has tenants, write the roles under domains.';
  }
  const lacksDomain = ptype.startsWith('g') && values.length === 2 && length === 3;
  return lacksDomain ? 'The third one is the domain: add it.' : 'Make them agree.';
}

/** Rules that the definition has more than once. */
export function findDuplicates(defined: RuleSet<DefinedRule>): Problem[] {
  return defined.rules.flatMap((rule, position): Problem[] => {
    if (isRepeated(rule)) return [];
    const first = defined.rules[defined.firstOf(position)];
    if (first === undefined || first === rule) return [];
    const message = `rule "${formatRule(rule)}" is already defined at ${first.at}. Remove one of them.`;
    return [{ code: 'RULE_DUPLICATE', at: rule.at, message }];
  });
}

/** Values that PostgreSQL's jsonb can't hold: NUL, and half of a surrogate pair. */
export function findUnstorable(rules: readonly DefinedRule[]): Problem[] {
  return rules.flatMap((rule): Problem[] => {
    if (isRepeated(rule)) return [];
    const value = isUnstorable(rule.ptype) ? rule.ptype : rule.values.find(isUnstorable);
    if (value === undefined) return [];
    const what = value.includes('\0') ? 'a NUL character' : 'half of a surrogate pair';
    const message = `value ${formatText(value)} holds ${what}, which PostgreSQL can't store. Remove it.`;
    return [{ code: 'VALUE_UNSTORABLE', at: rule.at, message }];
  });
}

/** Whether PostgreSQL's jsonb can't hold a text. */
export function isUnstorable(text: string): boolean {
  return text.includes('\0') || !text.isWellFormed();
}

/** Roles named in `inherits` that are not defined beside the role. */
export function findUndefinedRoles(definition: PolicyDefinition): Problem[] {
  const findName = nearestFinder();
  return listRoles(definition).flatMap(({ name, role: { inherits = [] }, siblings, path }) =>
    inherits.flatMap((parent, index): Problem[] => {
      if (siblings.has(parent)) return [];
      const at = placeIn(definition, ...path, 'inherits', index);
      const nearest = findName(parent, siblings);
      const remedy =
        nearest === null || nearest === name ? 'Add' : `Did you mean ${formatText(nearest)}? If not, add`;
      const message = `role ${formatText(name)} inherits from ${formatText(parent)}, which is not defined. ${remedy} it under ${path.slice(0, -1).join('.')}, or remove the inheritance.`;
      return [{ code: 'ROLE_UNDEFINED', at, message }];
    }),
  );
}

/**
 * Roles, resources, actions and tenants without a name, as from a variable that is not set. A request whose value is
 * empty, as for somebody who is not logged in, would be allowed.
 */
export function findEmptyNames(definition: PolicyDefinition): Problem[] {
  const ofRoles = listRoles(definition).flatMap(({ name, role: { permissions = {} }, path }) => {
    const at = (...keys: (string | number)[]) => placeIn(definition, ...path, ...keys);
    const inside = Object.entries(permissions).flatMap(([resource, actions = []]) => [
      ...(resource === '' ? [emptyName('resource', at('permissions', resource))] : []),
      ...actions.flatMap((action, index) =>
        action === '' ? [emptyName('action', at('permissions', resource, index))] : [],
      ),
    ]);
    return name === '' ? [emptyName('role', at()), ...inside] : inside;
  });
  const tenants = (definition.domains?.tenants ?? []).flatMap((tenant, index): Problem[] =>
    tenant === '' ? [emptyName('tenant', placeIn(definition, 'domains', 'tenants', index))] : [],
  );
  return [...ofRoles, ...tenants];
}

interface ListedRole {
  readonly name: string;
  readonly role: RoleDefinition;
  /** The names that are defined beside it, and its own. */
  readonly siblings: ReadonlySet<string>;
  /** The keys that lead to it. */
  readonly path: readonly string[];
}

/** The roles of a definition, also those of `domains`. */
export function listRoles({ roles = {}, domains }: PolicyDefinition): ListedRole[] {
  const list = (some: NonNullable<PolicyDefinition['roles']>, ...path: string[]) => {
    const siblings = new Set(Object.keys(some));
    return Object.entries(some).map(([name, role]) => ({ name, role, siblings, path: [...path, name] }));
  };
  return [...list(roles, 'roles'), ...list(domains?.roles ?? {}, 'domains', 'roles')];
}

function emptyName(what: string, at: string): Problem {
  const message = `the name of a ${what} is empty, so requests with an empty ${what} would match. Write the name. If it must be empty, write the rules themselves under rules.`;
  return { code: 'NAME_EMPTY', at, message };
}

/** Roles that inherit from themselves, or in a circle. */
export function findBrokenHierarchies(
  defined: RuleSet<DefinedRule>,
  hierarchies: readonly Hierarchy[] = buildHierarchies(defined.rules),
): Problem[] {
  const fromItself = defined.rules
    .filter((rule) => rule.ptype.startsWith('g') && !isRepeated(rule))
    .filter(({ values }) => values.length > 1 && values[0] === values[1])
    .map(
      ({ at, values }): Problem => ({
        code: 'ROLE_INHERITS_ITSELF',
        at,
        message: `role ${formatText(values[0] ?? '')} inherits from itself. Remove the inheritance.`,
      }),
    );
  const cycles = hierarchies.flatMap((hierarchy) =>
    findCycles(hierarchy).map((path) => ({ hierarchy, path, at: placeOfLink(defined, hierarchy, path) })),
  );
  const circular = withoutRepeated(cycles).map(
    ({ hierarchy, path, at }): Problem => ({
      code: 'ROLE_CYCLE',
      at,
      message: `roles inherit from each other in a circle${formatDomain(hierarchy)}: ${formatPath(path)}. Remove one of the links.`,
    }),
  );
  return [...fromItself, ...circular];
}

/** Inheritance over more links than the enforcer's role managers follow. */
export async function findUnfollowed(
  defined: RuleSet<DefinedRule>,
  hierarchies: readonly Hierarchy[],
  isFollowedIn: (hierarchy: Hierarchy) => IsFollowed,
): Promise<Problem[]> {
  const unfollowed: FoundPath[] = [];
  for (const hierarchy of hierarchies) {
    for (const path of await findTooDeep(hierarchy, isFollowedIn(hierarchy))) {
      unfollowed.push({ hierarchy, path, at: placeOfLink(defined, hierarchy, path) });
    }
  }
  return withoutRepeated(unfollowed).map(({ hierarchy, path, at }): Problem => {
    const links = path.length - 1;
    const message = `role ${formatText(path[0] ?? '')} inherits over ${links} links${formatDomain(hierarchy)}, and Casbin silently stops at ${links - 1}: ${formatPath(path)}. Flatten the hierarchy.`;
    return { code: 'ROLE_TOO_DEEP', at, message };
  });
}

/** A path of roles, and where its first link is written. */
interface FoundPath {
  readonly hierarchy: Hierarchy;
  readonly path: readonly string[];
  readonly at: string;
}

/** Each path once, because all tenants have the same paths, from the same places. */
function withoutRepeated(found: readonly FoundPath[]): FoundPath[] {
  const byKey = new Map<string, FoundPath>();
  for (const one of found) {
    const key = JSON.stringify([one.at, one.path]);
    if (!byKey.has(key)) byKey.set(key, one);
  }
  return [...byKey.values()];
}

function formatDomain({ domain }: Hierarchy): string {
  return domain === '' ? '' : ` in domain ${formatValue(domain)}`;
}

/** Where the first link of a path of roles is defined. */
function placeOfLink(
  defined: RuleSet<DefinedRule>,
  { ptype, domains }: Hierarchy,
  path: readonly string[],
): string {
  const link = defined.indexOf({ ptype, values: [...path.slice(0, 2), ...domains] });
  return defined.rules[link]?.at ?? 'policy';
}

function countValues(values: number): string {
  return values === 1 ? '1 value' : `${values} values`;
}

/** How many roles of a path are shown at each of its ends; a path that is too deep has at least twelve. */
const SHOWN_ROLES = 8;

function formatPath(path: readonly string[]): string {
  const roles = path.map(formatValue);
  const hidden = roles.length - 2 * SHOWN_ROLES;
  if (hidden > 0) roles.splice(SHOWN_ROLES, hidden, `… ${hidden} more …`);
  return roles.join(' → ');
}

/** The requests in these parts of a definition, and where they are written. */
export function listRequests<Kind extends ListedKind>(definition: PolicyDefinition, ...kinds: Kind[]) {
  return kinds.flatMap((kind) => {
    const requests: readonly Request[] = definition[kind] ?? [];
    return requests.map((request, index) => ({ kind, request, index, at: placeIn(definition, kind, index) }));
  });
}

/** Requests that are listed both as allowed and as denied. */
export function findConflicts(definition: PolicyDefinition): Problem[] {
  const allowed = new Map(
    listRequests(definition, 'allow').map(({ request, at }) => [JSON.stringify(request), at]),
  );
  return listRequests(definition, 'deny', 'never').flatMap(({ kind, request, at }): Problem[] => {
    const other = allowed.get(JSON.stringify(request));
    if (other === undefined) return [];
    const message = `"${request.map(formatValue).join(', ')}" is listed under ${kind}, and under allow at ${other}. Remove it from one of them.`;
    return [{ code: 'EXPECTATION_CONFLICT', at, message }];
  });
}

/** Requests that a definition lists with more or fewer values than requests of the model have. */
export function findMisfitRequests(definition: PolicyDefinition, tokens: readonly string[]): Problem[] {
  return listRequests(definition, 'allow', 'deny', 'never', 'samples').flatMap(
    ({ request, at }): Problem[] => {
      const message = describeMisfitRequest(request, tokens);
      return message === null ? [] : [{ code: 'OPTION_INVALID', at, message }];
    },
  );
}

/** Why a request does not fit the model; null if it does. */
export function describeMisfitRequest(request: Request, tokens: readonly string[]): string | null {
  if (request.length === tokens.length) return null;
  return `the request has ${countValues(request.length)}, but requests of the model have ${tokens.length}: ${tokens.join(', ')}.`;
}

/**
 * Names in `allow`, `deny` and `never` that the roles of a definition don't have. The compiler finds them in the
 * argument of `definePolicy`; this finds them in files. A misspelt request is denied, so its `never` proves nothing.
 */
export function findUnknownNames(definition: PolicyDefinition): Problem[] {
  const { domains } = definition;
  const roles = definition.roles ?? domains?.roles;
  const permitted = permissionNames(definition);
  if (roles === undefined || permitted === null) return [];
  const requests = listRequests(definition, 'allow', 'deny', 'never');
  if (requests.length === 0) return [];
  const findName = nearestFinder();
  const known = [
    { what: 'role', names: new Set(Object.keys(roles)) },
    ...(domains === undefined ? [] : [{ what: 'tenant', names: new Set(domains.tenants) }]),
    { what: 'resource', names: permitted.resource },
    { what: 'action', names: permitted.action },
  ];
  // One with more or fewer values has a problem already, and its names are in other places.
  const fitting = requests.filter(({ request }) => request.length === known.length);
  return fitting.flatMap(({ kind, index, request }) =>
    known.flatMap(({ what, names }, position): Problem[] => {
      const name = request[position];
      if (name === undefined || names.has(name)) return [];
      const nearest = findName(name, names);
      const remedy = nearest === null ? 'Correct the name.' : `Did you mean ${formatText(nearest)}?`;
      const message = `no ${what} of this definition is called ${formatText(name)}. ${remedy} If the request is right, add rules: [] to the definition.`;
      return [{ code: 'REQUEST_NAME_UNKNOWN', at: placeIn(definition, kind, index, position), message }];
    }),
  );
}
