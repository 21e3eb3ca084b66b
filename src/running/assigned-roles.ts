import { limitingConjuncts } from '../casbin/matcher.ts';
import { textsOf, tokensOf } from '../casbin/model.ts';
import { readRule } from '../casbin/rule-row.ts';
import type { ClientLike } from '../database/client.ts';
import type { Problem } from '../errors.ts';
import { findNearest } from '../nearest-name.ts';
import type { ResolvedOptions } from '../options/resolved-options.ts';
import { buildHierarchies, findRolePath } from '../policy/hierarchy.ts';
import { formatText, type Rule, ruleKey } from '../policy/rule.ts';
import { lockLinks } from '../tables/locks.ts';
import type { RuleTable } from '../tables/rule-table.ts';

type PlacedRules = readonly (Rule & { readonly at: string })[];

/**
 * Assigned roles that are unknown: no rule of the definition names them, and no rule that is stored, or added by the
 * same change, gives them a permission or another role. A misspelt role would be stored, and give nothing. Without a
 * definition, none is reported.
 */
export async function findUnknownRoles(
  client: ClientLike,
  { defined, ruleTable }: ResolvedOptions,
  rules: PlacedRules,
): Promise<Problem[]> {
  if (defined.rules.length === 0) return [];
  const known = new Set(
    defined.rules.flatMap(({ ptype, values }) =>
      ptype.startsWith('g') ? values.slice(0, 2) : values.slice(0, 1),
    ),
  );
  const given = new Set(rules.map(({ values }) => values[0]));
  const assigned = findAssigned(rules, 1, (name) => known.has(name) || given.has(name));
  const stored = await readStored(client, ruleTable, assigned, ruleTable.value('stored', 0));
  return assigned.flatMap(({ name, at }): Problem[] => {
    if (stored.has(name)) return [];
    const fact = `there is no role ${formatText(name)}: no rule, defined, stored or added, gives it anything.`;
    const remedy =
      adviseNearest(name, known) ?? 'Correct the name, or grant the role something in the same change.';
    return [{ code: 'ROLE_UNDEFINED', at, message: `${fact} ${remedy}` }];
  });
}

/**
 * The same for tenants in which roles are assigned: for a definition with `domains`, where rules are of a tenant only if
 * their domain equals it.
 */
export async function findUnknownTenants(
  client: ClientLike,
  { definition, defined, ruleTable, model, configureEnforcer }: ResolvedOptions,
  rules: PlacedRules,
): Promise<Problem[]> {
  const domain = tokensOf(model, 'p')[1];
  const isCompared = textsOf(model, 'm').every((matcher) =>
    limitingConjuncts(matcher, () => true).some(({ kind, policy }) => kind === 'equal' && policy === domain),
  );
  if (definition.domains === undefined || !isCompared || configureEnforcer !== undefined) return [];
  const known = new Set(
    [...defined.rules, ...rules].flatMap(({ ptype, values }) => (ptype === 'p' ? values.slice(1, 2) : [])),
  );
  const assigned = findAssigned(rules, 2, (name) => known.has(name));
  const domainOfRow = `case when ${ruleTable.ptype('stored')} = 'p' then ${ruleTable.value('stored', 1)} end`;
  const stored = await readStored(client, ruleTable, assigned, domainOfRow);
  return assigned.flatMap(({ name, at }): Problem[] => {
    if (stored.has(name)) return [];
    const fact = `there is no tenant ${formatText(name)}: no rule, defined, stored or added, gives anything in it.`;
    const remedy =
      adviseNearest(name, known) ?? 'Correct the name, or grant a role something in it in the same change.';
    return [{ code: 'TENANT_UNDEFINED', at, message: `${fact} ${remedy}` }];
  });
}

interface AssignedName {
  readonly name: string;
  readonly at: string;
}

/** The names at a position of the role links among the rules, without those that are known. */
function findAssigned(
  rules: PlacedRules,
  position: number,
  isKnown: (name: string) => boolean,
): AssignedName[] {
  return rules
    .filter(({ ptype }) => ptype === 'g')
    .map(({ values, at }) => ({ name: values[position] ?? '', at }))
    .filter(({ name }) => !isKnown(name));
}

/** Those of the names that the expression has for a stored row. */
async function readStored(
  client: ClientLike,
  table: RuleTable,
  assigned: readonly AssignedName[],
  expression: string,
): Promise<ReadonlySet<string>> {
  if (assigned.length === 0) return new Set();
  const { rows } = await client.query(
    `select distinct ${expression} as name
     from ${table.sql} stored
     where ${expression} = any ($1::text[])`,
    [assigned.map(({ name }) => name)],
  );
  return new Set(rows.map(({ name }) => name));
}

function adviseNearest(name: string, known: Iterable<string>): string | null {
  const nearest = findNearest(name, known);
  return nearest === null ? null : `Did you mean ${formatText(nearest)}?`;
}

/**
 * Assignments that would make roles inherit from each other in a circle, together with stored and other given links: no
 * bootstrap could verify such a policy. Changes and bootstraps that might close a circle together wait for each other.
 */
export async function findCircles(
  client: ClientLike,
  { ruleTable }: ResolvedOptions,
  added: PlacedRules,
  removed: readonly Rule[],
): Promise<Problem[]> {
  const links = added.filter(({ ptype }) => ptype === 'g');
  if (links.length === 0) return [];
  const gone = new Set(removed.map(ruleKey));
  const stored = (await lockAbove(client, ruleTable, links)).filter((link) => !gone.has(ruleKey(link)));
  const hierarchies = new Map(
    buildHierarchies([...stored, ...links]).map((one) => [JSON.stringify(one.domains), one] as const),
  );
  return links.flatMap(({ values: [user = '', role = '', ...domains], at }): Problem[] => {
    if (user === role) {
      const message = `role ${formatText(role)} would inherit from itself. Leave it out.`;
      return [{ code: 'ROLE_INHERITS_ITSELF', at, message }];
    }
    const hierarchy = hierarchies.get(JSON.stringify(domains));
    const path = hierarchy && findRolePath(hierarchy, role, user);
    if (!path) return [];
    const circle = [user, ...path].map(formatText).join(' → ');
    const message = `roles would inherit from each other in a circle: ${circle}. Leave it out, or unassign one of these.`;
    return [{ code: 'ROLE_CYCLE', at, message }];
  });
}

/**
 * Locks users and roles of links, with all that the roles inherit from, and returns the stored links of these roles.
 * While it waited, others may have given them more to inherit from.
 */
async function lockAbove(client: ClientLike, table: RuleTable, links: readonly Rule[]): Promise<Rule[]> {
  const users = links.map(({ values: [user = ''] }) => user);
  const roles = links.map(({ values: [, role = ''] }) => role);
  for (const locked = new Set<string>(); ; ) {
    const stored = await readLinksFrom(client, table, roles);
    const above = [...roles, ...stored.map(({ values: [, role = ''] }) => role)];
    if (above.every((name) => locked.has(name))) return stored;
    await lockLinks(client, table, users, above);
    for (const name of above) locked.add(name);
  }
}

/** The stored role links of some names, and of all that they inherit from. */
async function readLinksFrom(
  client: ClientLike,
  table: RuleTable,
  names: readonly string[],
): Promise<Rule[]> {
  const links = `reached cross join ${table.rowsWith(0, 'reached.name')} link`;
  const { rows } = await client.query(
    `with recursive reached (name) as (
       select unnest($1::text[])
       union
       select ${table.value('link', 1)} from ${links} where ${table.ptype('link')} = 'g'
     )
     select ${table.columns('link')} from ${links} where ${table.ptype('link')} = 'g'`,
    [names],
  );
  return rows.flatMap((row) => readRule(table, row) ?? []);
}
