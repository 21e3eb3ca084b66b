import { readRule } from '../casbin/rule-row.ts';
import type { ClientLike } from '../database/client.ts';
import type { Problem } from '../errors.ts';
import { findNearest } from '../nearest-name.ts';
import type { ResolvedOptions } from '../options/resolved-options.ts';
import { buildHierarchies, findRolePath } from '../policy/hierarchy.ts';
import { formatText, type PlacedRule, type Rule, ruleKey } from '../policy/rule.ts';
import { lockLinks } from '../tables/locks.ts';
import type { RuleTable } from '../tables/rule-table.ts';
import { subjectPositions } from '../verification/parts.ts';

/**
 * Assigned roles that are unknown: no rule of the definition names them, and no rule that is stored, or added by the
 * same change, gives them a permission or another role. A misspelt role would be stored, and give nothing. Without a
 * definition, none is reported.
 */
export async function findUnknownRoles(
  client: ClientLike,
  { defined, ruleTable, model }: ResolvedOptions,
  rules: readonly PlacedRule[],
): Promise<Problem[]> {
  if (defined.rules.length === 0) return [];
  const subjectAt = subjectPositions(model);
  const subjectOf = ({ ptype, values }: Rule) => values[subjectAt(ptype)] ?? '';
  const known = new Set(
    defined.rules.flatMap((rule) => (rule.ptype.startsWith('g') ? rule.values.slice(0, 2) : subjectOf(rule))),
  );
  const given = new Set(rules.map(subjectOf));
  const assigned = rules.filter(
    ({ ptype, values }) => ptype !== 'p' && !known.has(values[1] ?? '') && !given.has(values[1] ?? ''),
  );
  if (assigned.length === 0) return [];
  const [isPermission, subject, first] = [
    `${ruleTable.ptype('stored')} = 'p'`,
    ruleTable.value('stored', subjectAt('p')),
    ruleTable.value('stored', 0),
  ];
  const { rows } = await client.query(
    `select distinct case when ${isPermission} then ${subject} else ${first} end as name
     from ${ruleTable.sql} stored
     where (${isPermission} and ${subject} = any ($1::text[]))
     or (not ${isPermission} and ${first} = any ($1::text[]))`,
    [assigned.map(({ values }) => values[1])],
  );
  const stored = new Set(rows.map(({ name }) => name));
  return assigned.flatMap(({ values: [, role = ''], at }): Problem[] => {
    if (stored.has(role)) return [];
    const nearest = findNearest(role, known);
    const remedy =
      nearest === null
        ? 'Correct the name, or grant the role something in the same change.'
        : `Did you mean ${formatText(nearest)}?`;
    const message = `there is no role ${formatText(role)}: no rule, defined, stored or added, gives it anything. ${remedy}`;
    return [{ code: 'ROLE_UNDEFINED', at, message }];
  });
}

/**
 * Assignments that would make roles inherit from each other in a circle, together with stored and other given links: no
 * bootstrap could verify such a policy. Changes and bootstraps that might close a circle together wait for each other.
 */
export async function findCircles(
  client: ClientLike,
  { ruleTable }: ResolvedOptions,
  added: readonly PlacedRule[],
  removed: readonly Rule[],
): Promise<Problem[]> {
  const links = added.filter(({ ptype }) => ptype !== 'p');
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
  const ptype = links[0]?.ptype ?? '';
  for (const locked = new Set<string>(); ; ) {
    const stored = await readLinksFrom(client, table, ptype, roles);
    const above = [...roles, ...stored.map(({ values: [, role = ''] }) => role)];
    if (above.every((name) => locked.has(name))) return stored;
    await lockLinks(client, table, users, above);
    for (const name of above) locked.add(name);
  }
}

/** The stored links of a role definition from some names on, and of all that they inherit from. */
async function readLinksFrom(
  client: ClientLike,
  table: RuleTable,
  ptype: string,
  names: readonly string[],
): Promise<Rule[]> {
  const links = `reached cross join ${table.rowsWith(0, 'reached.name')} link`;
  const { rows } = await client.query(
    `with recursive reached (name) as (
       select unnest($1::text[])
       union
       select ${table.value('link', 1)} from ${links} where ${table.ptype('link')} = $2
     )
     select ${table.columns('link')} from ${links} where ${table.ptype('link')} = $2`,
    [names, ptype],
  );
  return rows.flatMap((row) => readRule(table, row) ?? []);
}
