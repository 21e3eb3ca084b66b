import type { Model } from 'casbin';
import type { ClientLike } from '../../database/client.ts';
import type { Rule } from '../../policy/rule.ts';
import { onRuleTable } from './faults.ts';
import { toParameters } from './parameters.ts';

/** The rules that a model holds, in its order: policy first, then role definitions. */
export function rulesOf(model: Model): Rule[] {
  return ['p', 'g'].flatMap((section) =>
    [...(model.model.get(section) ?? [])].flatMap(([ptype, { policy }]) =>
      policy.map((values) => ({ ptype, values })),
    ),
  );
}

/**
 * Makes the table hold exactly these rules, with ids in their order. Other writers wait meanwhile, readers don't.
 *
 * It takes several statements: the caller sees to a transaction.
 */
export async function replaceRules(client: ClientLike, table: string, rules: readonly Rule[]): Promise<void> {
  const parameters = toParameters(rules);
  await onRuleTable(table, rules, async () => {
    // Two savers at once would each delete what they see, and together leave a mixture.
    await client.query(`lock table ${table} in share row exclusive mode`);
    await client.query(`delete from ${table}`);
    await client.query(insertAll(table), parameters);
  });
}

function insertAll(table: string): string {
  return `
    insert into ${table} (ptype, rule)
    select given.ptype, given.document::jsonb
    from unnest($1::text[], $2::text[]) with ordinality as given (ptype, document, n)
    order by given.n`;
}
