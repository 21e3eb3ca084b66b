import type { ClientLike } from '../../database/client.ts';
import type { Rule } from '../../policy/rule.ts';
import { asParameters, batchesOf } from './batches.ts';
import { onRuleTable } from './faults.ts';
import { hasFields } from './filter.ts';
import { requireStorable } from './storable.ts';

/**
 * Deletes exactly these rules; those that are not stored are passed over.
 *
 * More than 10,000 rules take several statements: the caller sees to a transaction.
 */
export async function removeRules(client: ClientLike, table: string, rules: readonly Rule[]): Promise<void> {
  requireStorable(rules);
  for (const batch of batchesOf(rules)) {
    await onRuleTable(table, batch, () => client.query(removeGiven(table), asParameters(batch)));
  }
}

/** Deletes the rules of `ptype` that have these values from `fieldIndex` on; see {@link hasFields}. */
export async function removeMatchingRules(
  client: ClientLike,
  table: string,
  ptype: string,
  fieldIndex: number,
  values: readonly string[],
): Promise<void> {
  requireStorable([{ ptype, values }]);
  const condition = hasFields(ptype, fieldIndex, values);
  if (condition === null) return;
  await onRuleTable(table, [], () =>
    client.query(`delete from ${table} where ${condition.sql}`, [...condition.parameters]),
  );
}

function removeGiven(table: string): string {
  return `
    delete from ${table} stored
    using unnest($1::text[], $2::text[]) as given (ptype, rule)
    where stored.ptype = given.ptype
    and stored.rule = given.rule::jsonb`;
}
