import { type RawBuilder, sql } from 'kysely';
import type { AnyTransaction } from '../database/transaction.ts';
import type { Rule } from '../policy/rule.ts';
import type { RuleSet } from '../policy/rule-set.ts';
import type { ReportDone } from '../progress.ts';
import { RuleReader, type RuleRow, type StoredRule } from './rule-row.ts';
import type { Scope } from './scope.ts';

/** How many rows are held at a time beside the rules that were made of those before; more are read in portions. */
export const READ_PORTION = 10_000;

/** PostgreSQL stores no text with this character, and refuses to look for one. */
const NUL = '\0';

/**
 * Reads stored rules, of each ptype in the order of their ids. Throws StoredRuleError for rows that no enforcer can load.
 *
 * @param known the defined rules: where there are many, the others are read in portions too
 */
export async function readLivePolicy(
  trx: AnyTransaction,
  scope: Scope,
  known: RuleSet,
  report: ReportDone,
): Promise<StoredRule[]> {
  const query = scope.kind === 'whole' ? selectWhole() : selectReachable(scope);
  const reader = new RuleReader(known);
  let rules: StoredRule[] = [];
  if (known.rules.length <= READ_PORTION) rules = reader.read((await query.execute(trx)).rows);
  else {
    let count = 0;
    for await (const rows of inPortions(trx, query)) {
      for (const rule of reader.read(rows)) rules.push(rule);
      count += rows.length;
      // How many rules there are is not known; at least as many as are defined, most likely.
      report(count, Math.max(known.rules.length, count + 1));
    }
    report(count, count);
  }
  await requireReadable(trx, reader);
  if (!isEmptied(scope, rules)) return rules;
  const other = reader.read((await selectAnyOther().execute(trx)).rows);
  await requireReadable(trx, reader);
  return [...other, ...rules];
}

/** Whether what was read has no `p` rule although the table may have some: then Casbin would decide on empty values. */
export function isEmptied(scope: Scope, rules: readonly Rule[]): boolean {
  return scope.kind === 'reachable' && scope.bySubject && !rules.some(({ ptype }) => ptype === 'p');
}

async function requireReadable(trx: AnyTransaction, reader: RuleReader): Promise<void> {
  if (reader.hasUnreadable) reader.requireReadable(await nameRuleTable(trx));
}

/** The rule table that the search_path finds, with its schema, for a message. */
export async function nameRuleTable(trx: AnyTransaction): Promise<string> {
  const { rows } = await sql<{ name: string }>`
    select format('%I.%I', n.nspname, c.relname) as name
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.oid = 'casbin'::regclass
  `.execute(trx);
  return rows[0]?.name ?? 'casbin';
}

/** A rule that no request can match, if there is one. */
function selectAnyOther() {
  return sql<RuleRow>`select id, ptype, rule from casbin where ptype = 'p' limit 1`;
}

async function* inPortions(trx: AnyTransaction, query: ReturnType<typeof selectWhole>) {
  await sql`declare casbin_bootstrap_policy no scroll cursor for ${query}`.execute(trx);
  for (;;) {
    const { rows } = await sql<RuleRow>`
      fetch ${sql.lit(READ_PORTION)} from casbin_bootstrap_policy
    `.execute(trx);
    yield rows;
    if (rows.length < READ_PORTION) break;
  }
  await sql`close casbin_bootstrap_policy`.execute(trx);
}

/** @param condition on the table as a whole: without it, no row is read */
export function selectWhole(condition = ALWAYS): RawBuilder<RuleRow> {
  return sql<RuleRow>`select id, ptype, rule from casbin where ${condition} order by id`;
}

const ALWAYS = sql<boolean>`true`;

/**
 * Looks each name up by `rule ->> 0`, which the stock schema has an index on. The `offset 0` keeps the planner
 * from turning the look-ups into a join that reads the whole table, as it does while its statistics are old.
 * Rows without a first value are in the same index, and no enforcer can load them.
 *
 * @param condition as for {@link selectWhole}
 */
export function selectReachable(
  { names, bySubject }: Extract<Scope, { kind: 'reachable' }>,
  condition = ALWAYS,
): RawBuilder<RuleRow> {
  const rulesOfName = sql`lateral (select * from casbin where rule ->> 0 = reached.name offset 0)`;
  const policyRules = sql`select c.* from casbin c where c.ptype ^@ 'p' and c.rule ->> 0 is not null and ${condition}`;
  return sql<RuleRow>`
    with recursive reached (name) as (
      select unnest(${names.filter((name) => !name.includes(NUL))}::text[])
      where ${condition}
      union
      select c.rule ->> 1
      from reached
      cross join ${rulesOfName} c
      where c.ptype ^@ 'g'
    ),
    found as (
      select c.* from reached cross join ${rulesOfName} c where ${bySubject ? sql`true` : sql`not c.ptype ^@ 'p'`}
      union all
      ${bySubject ? sql`` : sql`${policyRules} union all`}
      select c.* from casbin c where c.rule ->> 0 is null and ${condition}
    )
    select id, ptype, rule from found order by id
  `;
}
