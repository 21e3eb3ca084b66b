import { tokensOf } from '../casbin/model.ts';
import type { PoolLike } from '../database/client.ts';
import { asClient } from '../database/own-queries.ts';
import { inspectRuleTable } from '../inspect-database.ts';
import { replaceOptions, resolveOptions } from '../options/resolve.ts';
import type { BootstrapOptions } from '../options.ts';
import { misspeltNameFinder } from '../verification/misspelt-names.ts';

/**
 * What to say about names of a rule that are probably misspelt: no rule has them, defined or stored, and one that is
 * defined has nearly the same. Nothing without a definition. Call it before the rule is stored.
 */
export async function findMisspeltGrant(
  pool: PoolLike,
  rule: readonly string[],
  options: BootstrapOptions,
): Promise<string[]> {
  if (options.policy == null || rule.length === 0) return [];
  const resolved = await resolveOptions(pool, replaceOptions(options, { seeders: [], verify: false }));
  const { model, defined, configureEnforcer } = resolved;
  const fields = tokensOf(model, 'p');
  const request = tokensOf(model, 'r').map((token) => rule[fields.indexOf(token)] ?? '');
  const found = misspeltNameFinder(
    model,
    defined.rules,
    configureEnforcer,
  )(request, []).filter(({ position }) => request[position] !== '');
  if (found.length === 0) return [];
  const names = found.map(({ position }) => request[position]);
  return inspectRuleTable(pool, resolved, 'the look at names', async ({ trx, options: { ruleTable } }) => {
    const { rows } = await asClient(trx).query(
      `select given.n::int as n
       from unnest($1::text[]) with ordinality as given (name, n)
       where not exists (select from ${ruleTable.sql} stored where ${ruleTable.valuesAsJson('stored')} ? given.name)`,
      [names],
    );
    return rows.map(({ n }) => `In the policy, ${found[n - 1]?.message}`);
  });
}
