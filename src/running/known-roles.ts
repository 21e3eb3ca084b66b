import type { ClientLike } from '../database/client.ts';
import type { Problem } from '../errors.ts';
import { findNearest } from '../nearest-name.ts';
import type { ResolvedOptions } from '../options/resolve.ts';
import { formatText, type Rule } from '../policy/rule.ts';

/**
 * Roles that are assigned and that nobody knows: no rule of the definition speaks of them, and no stored one gives them
 * a permission or another role. A misspelt role would be stored, and give nothing. Without a definition, none is told.
 */
export async function findUnknownRoles(
  client: ClientLike,
  { defined, ruleTable }: ResolvedOptions,
  rules: readonly (Rule & { readonly at: string })[],
): Promise<Problem[]> {
  if (defined.rules.length === 0) return [];
  const known = new Set(
    defined.rules.flatMap(({ ptype, values }) =>
      ptype.startsWith('g') ? values.slice(0, 2) : values.slice(0, 1),
    ),
  );
  const assigned = rules.filter(({ ptype, values }) => ptype === 'g' && !known.has(values[1] ?? ''));
  if (assigned.length === 0) return [];
  const { rows } = await client.query(
    `select distinct ${ruleTable.value('stored', 0)} as name
     from ${ruleTable.sql} stored
     where ${ruleTable.value('stored', 0)} = any ($1::text[])`,
    [assigned.map(({ values }) => values[1])],
  );
  const stored = new Set(rows.map(({ name }) => name));
  return assigned.flatMap(({ values: [, role = ''], at }): Problem[] => {
    if (stored.has(role)) return [];
    const nearest = findNearest(role, known);
    const hint = nearest === null ? '' : ` Did you mean ${formatText(nearest)}?`;
    const message = `there is no role ${formatText(role)}: no rule, defined or stored, gives it anything.${hint}`;
    return [{ code: 'ROLE_UNDEFINED', at, message }];
  });
}
