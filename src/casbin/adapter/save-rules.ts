import type { Model } from 'casbin';
import type { ClientLike } from '../../database/client.ts';
import type { Rule } from '../../policy/rule.ts';
import { asParameters, batchesOf } from './batches.ts';
import { onRuleTable } from './faults.ts';
import { requireStorable } from './storable.ts';

/** The rules that a model holds, as they stand in it: policy first, then role definitions. */
export function rulesOf(model: Model): Rule[] {
  return ['p', 'g'].flatMap((section) =>
    [...(model.model.get(section) ?? [])].flatMap(([ptype, { policy }]) =>
      policy.map((values) => ({ ptype, values })),
    ),
  );
}

/**
 * Makes the table hold exactly these rules, with ids in their order. The caller sees to a transaction.
 *
 * Other writers wait meanwhile, readers don't.
 */
export async function replaceRules(client: ClientLike, table: string, rules: readonly Rule[]): Promise<void> {
  requireStorable(rules);
  // Two savers at once would each delete what they see, and together leave a mixture.
  await onRuleTable(table, [], () => client.query(`lock table ${table} in share row exclusive mode`));
  await client.query(`delete from ${table}`);
  for (const batch of batchesOf(rules)) {
    await onRuleTable(table, batch, () => client.query(insertAll(table), asParameters(batch)));
  }
}

function insertAll(table: string): string {
  return `
    insert into ${table} (ptype, rule)
    select given.ptype, given.rule::jsonb
    from unnest($1::text[], $2::text[]) with ordinality as given (ptype, rule, n)
    order by given.n`;
}
