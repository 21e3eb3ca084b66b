import type { ClientLike } from '../../database/client.ts';
import type { Rule } from '../../policy/rule.ts';
import { onRuleTable } from './faults.ts';
import { hasFields } from './filter.ts';
import { toParameters } from './parameters.ts';
import { requireStorable } from './storable.ts';

/** Deletes exactly these rules; those that are not stored are passed over. */
export async function removeRules(client: ClientLike, table: string, rules: readonly Rule[]): Promise<void> {
  const parameters = toParameters(rules);
  await onRuleTable(table, rules, () => client.query(removeGiven(table), parameters));
}

/** Deletes the rules of `ptype` that have these values from `fieldIndex` on; see {@link hasFields}. */
export async function removeMatchingRules(
  client: ClientLike,
  table: string,
  ptype: string,
  fieldIndex: number,
  values: readonly string[],
): Promise<void> {
  const condition = hasFields(ptype, fieldIndex, values);
  if (condition === null) return;
  requireStorable([{ ptype, values }]);
  await onRuleTable(table, [], () =>
    client.query(remove(table, `select id from ${table} where ${condition.sql} order by id for update`), [
      ...condition.parameters,
    ]),
  );
}

function removeGiven(table: string): string {
  const stored = `
      select stored.id
      from ${table} stored
      join unnest($1::text[], $2::text[]) as given (ptype, document)
      on stored.ptype = given.ptype
      and stored.rule = given.document::jsonb
      order by stored.id
      for update of stored`;
  return remove(table, stored);
}

// Locked in one order, by their ids, by all who remove: else two of them would each wait for a row that the other
// has locked.
function remove(table: string, idsInOrder: string): string {
  return `delete from ${table} where id in (${idsInOrder})`;
}
