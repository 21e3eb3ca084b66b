import { JOURNAL } from '../../migrations/0003_journal.ts';
import { isReadable, quoteTable } from '../database/catalog.ts';
import type { ClientLike } from '../database/client.ts';
import { type Rule, ruleKey } from '../policy/rule.ts';
import type { RuleTable } from '../tables/rule-table.ts';
import type { RuleOrigin } from '../verification-report.ts';
import { valuesOf } from './journal.ts';

/** Who added each rule, if it is known. */
export type FindOrigin = (rule: Rule) => RuleOrigin | null;

/**
 * Finds who added the rules of a table, by the newest journal entry of each. Nothing is found without a journal, if the
 * role may not read it, and for rules that were added when no journal recorded it.
 *
 * @param rules the rules to look for; null for all
 */
export async function readOrigins(
  client: ClientLike,
  table: RuleTable,
  rules: readonly Rule[] | null,
): Promise<FindOrigin> {
  // Such an engine has no journal.
  if (table.engine.commitsDdl || rules?.length === 0) return () => null;
  const journal = quoteTable(JOURNAL, table.schema);
  // Not in one statement: the journal may not be there, and a failed statement would end the transaction.
  if (!(await isReadable(client, journal))) return () => null;
  const { rows } = await client.query(
    `select
      operation::text, ptype, rule, actor, reason, role, application,
      (extract(epoch from at) * 1000)::text as at
    from (
      select distinct on (ptype, rule) *
      from ${journal}
      where source = $1
      and ($2::text[] is null or operation = '0' or rule ->> 0 = any ($2))
      order by ptype, rule, id desc
    ) newest
    order by id`,
    [table.name, rules?.map(({ values }) => values[0] ?? '') ?? null],
  );
  const origins = new Map<string, RuleOrigin>();
  // Null and an empty value are the same in columns, but not to the server: the last of several is the newest.
  for (const { operation, ptype, rule, at, actor, reason, role, application } of rows) {
    const values = valuesOf(rule, table.layout === 'document');
    const key = ruleKey({ ptype: ptype ?? '', values });
    const origin = { at: new Date(Number(at)), actor, reason, role, application };
    if (operation === '0') origins.clear();
    else if (operation === '-') origins.delete(key);
    else origins.set(key, { rule: [ptype ?? '', ...values], ...origin });
  }
  return (rule) => origins.get(ruleKey(rule)) ?? null;
}
