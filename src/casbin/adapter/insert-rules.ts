import type { ClientLike } from '../../database/client.ts';
import type { Rule } from '../../policy/rule.ts';
import { asParameters, batchesOf } from './batches.ts';
import { onRuleTable } from './faults.ts';
import { requireStorable } from './storable.ts';

/**
 * Inserts the rules that the table does not hold yet, and returns those, in the order given. Others may insert
 * the same rules at the same moment; each is stored once.
 *
 * `table` is the quoted name. More than 10,000 rules take several statements: the caller sees to a transaction.
 * Throws InvalidOptionsError for a value that can't be stored, and DatabaseError for a rule too long for the
 * index or a table that is missing or not unique on (ptype, rule).
 */
export async function insertRules(
  client: ClientLike,
  table: string,
  rules: readonly Rule[],
): Promise<Rule[]> {
  requireStorable(rules);
  const inserted: Rule[] = [];
  for (const batch of batchesOf(rules)) {
    const { rows } = await onRuleTable(table, batch, () =>
      client.query(insertMissing(table), asParameters(batch)),
    );
    for (const { ptype, rule } of rows) inserted.push({ ptype, values: rule });
  }
  return inserted;
}

// Without the existence check, every rule that is there already would burn a value of the id's sequence.
function insertMissing(table: string): string {
  return `
    insert into ${table} (ptype, rule)
    select given.ptype, given.rule::jsonb
    from unnest($1::text[], $2::text[]) with ordinality as given (ptype, rule, n)
    where not exists (
      select from ${table} stored
      where stored.ptype = given.ptype
      and stored.rule = given.rule::jsonb
    )
    order by given.n
    on conflict (ptype, rule) do nothing
    returning ptype, rule`;
}
