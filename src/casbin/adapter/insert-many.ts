import type { ClientLike } from '../../database/client.ts';
import type { Rule } from '../../policy/rule.ts';
import { RuleSet } from '../../policy/rule-set.ts';
import { isRuleValues } from '../rule-row.ts';
import { onRuleTable } from './faults.ts';
import { toDocuments } from './parameters.ts';
import { requireStorable } from './storable.ts';

/** How many rules one statement takes. */
const PORTION = 10_000;

/**
 * Inserts the rules that the table does not hold yet, in their order, and returns those. In portions, so that
 * neither side ever holds all of them as text; the caller sees to a transaction, and that nobody else writes the
 * same in another order.
 *
 * @param report is told how many of the rules are seen to
 */
export async function insertMany(
  client: ClientLike,
  table: string,
  rules: readonly Rule[],
  report: (done: number) => void,
): Promise<Rule[]> {
  requireStorable(rules);
  const missing = await onRuleTable(table, rules, () => findMissing(client, table, rules));
  const inserted: Rule[] = [];
  for (let start = 0; start < missing.length; start += PORTION) {
    const portion = missing.slice(start, start + PORTION);
    const added = await onRuleTable(table, portion, () => insertPortion(client, table, portion));
    for (const rule of added) inserted.push(rule);
    report(rules.length - missing.length + start + portion.length);
  }
  return inserted;
}

/** Reads what is stored, so that the server plans no join: on a table that was never analyzed it plans it badly. */
async function findMissing(client: ClientLike, table: string, rules: readonly Rule[]): Promise<Rule[]> {
  const given = new RuleSet(rules);
  const isStored = new Uint8Array(rules.length);
  const names = new Set(rules.map(({ values }) => values[0]));
  await client.query(
    `declare casbin_bootstrap_stored no scroll cursor for
     select ptype, rule from ${table} where rule ->> 0 = any ($1::text[])`,
    [[...names]],
  );
  for (let count = PORTION; count === PORTION; ) {
    const { rows } = await client.query(`fetch ${PORTION} from casbin_bootstrap_stored`);
    for (const { ptype, rule } of rows) {
      // A row that holds no rule is told of by whoever loads the policy.
      if (isRuleValues(rule)) isStored[given.indexOf({ ptype, values: rule })] = 1;
    }
    count = rows.length;
  }
  await client.query('close casbin_bootstrap_stored');
  // Of rules that are given more than once, the first.
  return rules.filter((rule, position) => isStored[position] === 0 && given.indexOf(rule) === position);
}

/** Which of them it was only travels when it was not all of them: somebody else added one just now. */
async function insertPortion(client: ClientLike, table: string, rules: readonly Rule[]): Promise<Rule[]> {
  const { rows } = await client.query(
    `with inserted as (
       insert into ${table} (ptype, rule)
       select given.ptype, given.document::jsonb
       from unnest($1::text[], $2::text[]) with ordinality as given (ptype, document, n)
       order by given.n
       on conflict (ptype, rule) do nothing
       returning ptype, rule
     )
     select count(*)::int as count, case when count(*) < $3 then jsonb_agg(inserted) end as inserted
     from inserted`,
    [...toDocuments(rules), rules.length],
  );
  const { count, inserted } = rows[0] ?? { count: 0, inserted: null };
  if (count === rules.length) return [...rules];
  return (inserted ?? []).map(({ ptype, rule }: { ptype: string; rule: string[] }) => ({
    ptype,
    values: rule,
  }));
}
