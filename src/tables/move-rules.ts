import { readRule } from '../casbin/rule-row.ts';
import { quoteText } from '../database/catalog.ts';
import type { ClientLike } from '../database/client.ts';
import type { RolePositions } from '../policy/ownership.ts';
import type { Rule } from '../policy/rule.ts';
import { removeRules } from './change-rules.ts';
import { inPortions, readPortions } from './portions.ts';
import { onRuleTable, requireFitsTable } from './refusals.ts';
import { type GivenRules, givenRules, type RuleTable } from './rule-table.ts';

/** A rule and its new form; null if it is removed. */
export interface RuleMove {
  readonly from: Rule;
  readonly to: Rule | null;
}

/**
 * The stored rules that name one of the roles, as their subject or on either side of a role link; first rows first.
 *
 * @param rolesAt the positions at which rules name roles, by ptype
 */
export async function readRulesOfRoles(
  client: ClientLike,
  table: RuleTable,
  roles: readonly string[],
  rolesAt: RolePositions,
): Promise<Rule[]> {
  if (roles.length === 0) return [];
  const ofPtypes = [...rolesAt].map(([ptype, positions]) => {
    const values = positions.map((position) => `${table.value('stored', position)} = any ($1::text[])`);
    return `(${table.ptype('stored')} = ${quoteText(ptype)} and (${values.join(' or ')}))`;
  });
  // A cursor whose rows are in the order of an index would read the whole table by that index.
  const text = `
    with found as materialized (
      select ${table.columns('stored')}, stored.${table.identity} as place
      from ${table.sql} stored
      where ${ofPtypes.join(' or ')}
    )
    select * from found order by place`;
  const found: Rule[] = [];
  await onRuleTable(table, [], () =>
    readPortions(client, table, { text, values: [[...roles]] }, (rows) => {
      for (const row of rows) {
        const rule = readRule(table, row);
        if (rule !== null) found.push(rule);
      }
    }),
  );
  return found;
}

/**
 * Changes stored rules in their rows, so that ids and their order stay. A rule whose new form is already stored is
 * removed. The caller must keep other writers away from the table.
 */
export async function moveRules(
  client: ClientLike,
  table: RuleTable,
  moves: readonly RuleMove[],
): Promise<void> {
  const pairs = moves.flatMap(({ from, to }) => (to === null ? [] : [{ from, to }]));
  requireFitsTable(
    table,
    pairs.map(({ to }) => to),
  );
  for (const portion of inPortions(pairs)) {
    const rules = portion.flatMap(({ from, to }) => [to, from]);
    const given = table.give(rules);
    await onRuleTable(table, rules, () => client.query(moveGiven(table, given), [...given.arrays]));
  }
  for (const portion of inPortions(moves)) {
    await removeRules(
      client,
      table,
      portion.map(({ from }) => from),
    );
  }
}

/** The given rules are pairs: each new rule, followed by the one that it replaces. */
function moveGiven({ sql, written }: RuleTable, given: GivenRules): string {
  return `
    with given as materialized (
      select * from ${givenRules(given)}
    ), present as (
      select given.n from given where exists (select from ${sql} stored where ${given.isSame('stored')})
    )
    update ${sql} stored
    set (${written}) = (select ${given.values} from given where given.n = next.n)
    from given
    cross join lateral (select given.n - 1) as next (n)
    where given.n % 2 = 0
    and ${given.isSame('stored')}
    and next.n not in (select n from present)`;
}
