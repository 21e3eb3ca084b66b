import { JOURNAL, triggersOf } from '../../migrations/0003_journal.ts';
import { isRuleValues } from '../casbin/rule-row.ts';
import { quoteTable, quoteText } from '../database/catalog.ts';
import type { ClientLike } from '../database/client.ts';
import { isAbsence } from '../database/sqlstates.ts';
import { ruleKey } from '../policy/rule.ts';
import { recordedOf } from '../tables/recording.ts';
import type { RuleTable } from '../tables/rule-table.ts';
import { NEWEST_PRUNED, valuesOf } from './journal.ts';
import { OutOfStep, type RuleChange } from './live-rules.ts';

/**
 * How far a journal has been read. An entry with a low number may commit after entries with higher ones, so one number
 * is not enough: the transactions before `floor` were read, and of the later ones those in `seen`, each completely.
 */
export interface Position {
  /** The oldest transaction that was open at the last read. */
  readonly floor: string;
  readonly seen: readonly string[];
  /** The first entry of the journal; null if it is empty. It is another one after the journal was pruned. */
  readonly first: string | null;
  /**
   * What the numbers of entries and transactions rest on. It changes if the triggers of the journal were created again,
   * or were off for a while; if the table was altered, because this changes its rows, name or columns without any
   * trigger; if the journal was truncated; and at each start of a server. Another server, as after a failover or from
   * a backup, may count on from a time before the last read.
   */
  readonly ground: string;
}

/**
 * The largest number of entries that are read at a time. If there are more, reading all rules takes less time. The
 * limit also makes the server use the index, however old its statistics are.
 */
const MOST = 10_000;

/** The triggers that write every change of the table to a journal: one for each way to change it. */
const TRIGGERS = `
  from pg_catalog.pg_trigger
  where tgrelid = to_regclass($1)
  and tgname::text = any ($2::text[])
  and tgenabled in ('O', 'A')
  and exists (
    select
    from pg_catalog.pg_proc p
    join pg_catalog.pg_class c on c.relnamespace = p.pronamespace
    where p.oid = tgfoid and c.oid = tgrelid
  )`;

/** Whether the changes of the table are written to a journal. */
export async function isJournaled(client: ClientLike, table: RuleTable): Promise<boolean> {
  // Such an engine has no journal, and may not have these catalogs.
  if (table.engine.commitsDdl) return false;
  const { rows } = await client.query(
    `select to_regclass($3) is not null and (select count(*) = 4 ${TRIGGERS}) as journaled`,
    [...triggerParameters(table), journalOf(table)],
  );
  return rows[0]?.journaled === true;
}

/**
 * Whether a journal has every change of the table, all values of each. It lacks what is written to another table whose
 * rows belong to this one, or through a table that this one is a part of, and what a subscription of logical
 * replication writes. Rows have values that it does not record if columns were added since it was made.
 */
export async function canBeFollowed(client: ClientLike, table: RuleTable): Promise<boolean> {
  if (table.engine.commitsDdl) return false;
  // The trigger for truncate records no values, and may have a function of its own.
  const { rows } = await client.query(
    `select
       to_regclass($3) is not null
       and (select count(*) = 4 ${TRIGGERS})
       and ${IS_WHOLE}
       and (
         select count(*) >= 3 ${TRIGGERS}
         and exists (select from pg_catalog.pg_proc where oid = tgfoid and strpos(prosrc, $4) > 0)
       ) as followed`,
    [...triggerParameters(table), journalOf(table), recordedOf(table).values],
  );
  return rows[0]?.followed === true;
}

const IS_WHOLE = `
  not exists (select from pg_catalog.pg_inherits where to_regclass($1) in (inhparent, inhrelid))
  and not exists (select from pg_catalog.pg_subscription_rel where srrelid = to_regclass($1))`;

/** The parameters of {@link TRIGGERS}. */
function triggerParameters({ sql, name }: RuleTable): [table: string, triggers: string[]] {
  return [sql, triggersOf(name)];
}

/** An SQL expression with the same parameters. */
function groundOf(table: RuleTable): string {
  return `concat_ws(
    ' ',
    extract(epoch from pg_postmaster_start_time()),
    (
      select string_agg(concat_ws(':', oid, xmin), ',' order by oid)
      from pg_catalog.pg_class
      where oid in (to_regclass($1), to_regclass(${quoteText(journalOf(table))}))
    ),
    (
      select string_agg(attname, ',' order by attnum)
      from pg_catalog.pg_attribute
      where attrelid = to_regclass($1) and attnum > 0 and not attisdropped
    ),
    (select string_agg(concat_ws(':', oid, xmin), ',' order by oid) ${TRIGGERS})
  )`;
}

/** The current position of a journal, for a transaction that only reads: everything that it sees counts as read. */
export async function readPosition(client: ClientLike, table: RuleTable): Promise<Position> {
  const { rows } = await client.query(
    `select
      pg_snapshot_xmin(pg_current_snapshot())::text as floor,
      ${groundOf(table)} as ground,
      (select min(id)::text from ${journalOf(table)}) as first,
      (
        select coalesce(json_agg(distinct transaction::text), '[]')
        from ${journalOf(table)}
        where transaction >= pg_snapshot_xmin(pg_current_snapshot()) and source = $3
      ) as seen`,
    [...triggerParameters(table), table.name],
  );
  const { floor, seen, first, ground } = rows[0];
  return { floor, seen, first, ground };
}

/**
 * Reads on from a position. It is one statement, which sees one moment of the database, so it reads whole transactions.
 *
 * @throws OutOfStep if unread entries may have been pruned or are too many, or if the table was truncated or has no
 *   journal any more
 */
export async function followJournal(
  client: ClientLike,
  table: RuleTable,
  { floor, seen, first, ground }: Position,
): Promise<{ readonly changes: readonly RuleChange[]; readonly position: Position }> {
  const text = `select
      moment.floor, moment.ground, moment.journaled, moment.first, moment."isFirstRead", moment."isFirstOld",
      entry.transaction::text as transaction, entry.operation::text as operation, entry.ptype, entry.rule
    from (
      select
        (select count(*) = 4 ${TRIGGERS}) and ${IS_WHOLE} as journaled,
        pg_snapshot_xmin(pg_current_snapshot())::text as floor,
        ${groundOf(table)} as ground,
        first.id::text as first,
        first.transaction < $3::xid8 as "isFirstRead",
        first.at < ${NEWEST_PRUNED} as "isFirstOld"
      from (select) always
      left join (select id, transaction, at from ${journalOf(table)} order by id limit 1) first on true
    ) moment
    left join (
      select * from ${journalOf(table)}
      where transaction >= $3::xid8 and transaction <> all ($4::xid8[]) and source = $5
      order by transaction
      limit ${MOST + 1}
    ) entry on true
    order by entry.id`;
  const { rows } = await client
    .query(text, [...triggerParameters(table), floor, seen, table.name])
    .catch((error: unknown) => {
      throw isAbsence(error) ? new OutOfStep('there is no journal any more') : error;
    });
  const [moment] = rows;
  if (!moment.journaled) throw new OutOfStep('the table has no journal any more');
  if (moment.ground !== ground) throw new OutOfStep('the journal was not written all the time');
  // A pruned entry may have been committed after the last read, however old it was. But no transaction with a pruned
  // entry is later than that of the first entry that was left. An entry before that one may be there again, by a
  // transaction that has only just committed: it has not been read either. The first entry may also be the one of the
  // last read, if what was pruned had a lower number; then it is old.
  const mayBePruned = moment.first !== first || moment.isFirstOld;
  if (mayBePruned && !moment.isFirstRead)
    throw new OutOfStep('entries that were not read may have been pruned');
  if (rows.length > MOST) throw new OutOfStep('there are too many entries to go through them one by one');
  const entries = rows.filter(({ transaction }) => transaction !== null);
  const transactions = new Set([...seen, ...entries.map(({ transaction }) => transaction)]);
  return {
    changes: sumUp(table, entries),
    position: {
      floor: moment.floor,
      seen: [...transactions].filter((transaction) => BigInt(transaction) >= BigInt(moment.floor)),
      first: moment.first,
      ground,
    },
  };
}

/** Each rule once: a rule that was added and removed again is no change. */
function sumUp(
  { layout }: RuleTable,
  entries: readonly { operation: string; ptype: string | null; rule: unknown }[],
): RuleChange[] {
  const changes = new Map<string, RuleChange>();
  for (const { operation, ptype, rule } of entries) {
    const values = layout === 'columns' ? valuesOf(rule, false) : rule;
    if (ptype === null || !isRuleValues(values))
      throw new OutOfStep('the table was truncated, or a row that holds no rule was changed');
    const key = ruleKey({ ptype, values });
    const rows = (changes.get(key)?.rows ?? 0) + (operation === '+' ? 1 : -1);
    changes.set(key, { ptype, values, rows });
  }
  return [...changes.values()].filter(({ rows }) => rows !== 0);
}

function journalOf({ schema }: RuleTable): string {
  return quoteTable(JOURNAL, schema);
}
