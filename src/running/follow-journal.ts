import { JOURNAL } from '../../migrations/0003_journal.ts';
import { quoteTable } from '../database/catalog.ts';
import type { ClientLike } from '../database/client.ts';
import { ruleKey } from '../policy/rule.ts';
import type { RuleTable } from '../tables/rule-table.ts';
import { valuesOf } from './journal.ts';
import { OutOfStep, type RuleChange } from './live-rules.ts';

/**
 * How far a journal has been read. An entry with a low number may commit after entries with higher ones, so one number
 * is not enough: the transactions before `floor` were read, and of the later ones those in `seen`, each completely.
 */
export interface Position {
  /** The oldest transaction that was open at the last read. */
  readonly floor: string;
  readonly seen: readonly string[];
  /** The number of the oldest entry; null for an empty journal. It changes when the journal is pruned. */
  readonly oldest: string | null;
}

/** The changes of a rule table since a position. */
export interface Followed {
  readonly changes: readonly RuleChange[];
  readonly position: Position;
}

/**
 * The largest number of entries that are read at a time. If there are more, reading all rules takes less time. The
 * limit also makes the server use the index, however old its statistics are.
 */
const MOST = 10_000;

/** Whether every change of the table is written to a journal, as SQL: a trigger for each way to change it. */
const IS_JOURNALED = `(
  select count(*) = 4
  from pg_catalog.pg_trigger
  where tgrelid = to_regclass($1)
  and tgname like 'casbin_bootstrap_journal%'
  and tgenabled in ('O', 'A')
)`;

/** Whether every change of the table is written to a journal. */
export async function isJournaled(client: ClientLike, { sql }: RuleTable): Promise<boolean> {
  const { rows } = await client.query(`select ${IS_JOURNALED} as journaled`, [sql]);
  return rows[0]?.journaled === true;
}

/** The current position of a journal, for a transaction that only reads: everything that it sees counts as read. */
export async function readPosition(client: ClientLike, table: RuleTable): Promise<Position> {
  const { rows } = await client.query(
    `select
      pg_snapshot_xmin(pg_current_snapshot())::text as floor,
      (select min(id)::text from ${journalOf(table)}) as oldest,
      (
        select coalesce(json_agg(distinct transaction::text), '[]')
        from ${journalOf(table)}
        where transaction >= pg_snapshot_xmin(pg_current_snapshot()) and source = $1
      ) as seen`,
    [table.name],
  );
  const { floor, seen, oldest } = rows[0];
  return { floor, seen, oldest };
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
  { floor, seen, oldest }: Position,
): Promise<Followed> {
  const { rows } = await client.query(
    `select
      moment.floor, moment.oldest, moment.journaled,
      entry.transaction::text as transaction, entry.operation::text as operation, entry.ptype, entry.rule
    from (
      select
        ${IS_JOURNALED} as journaled,
        pg_snapshot_xmin(pg_current_snapshot())::text as floor,
        (select min(id)::text from ${journalOf(table)}) as oldest
    ) moment
    left join (
      select * from ${journalOf(table)}
      where transaction >= $2::xid8 and transaction <> all ($3::xid8[]) and source = $4
      order by transaction
      limit ${MOST + 1}
    ) entry on true
    order by entry.id`,
    [table.sql, floor, seen, table.name],
  );
  const [moment] = rows;
  if (!moment.journaled) throw new OutOfStep('the table has no journal any more');
  // A pruned entry may have been committed after the last read, however old it was. An empty journal does not tell.
  if (moment.oldest !== oldest) throw new OutOfStep('the journal begins elsewhere');
  if (rows.length > MOST) throw new OutOfStep('there are too many entries to go through them one by one');
  const entries = rows.filter(({ transaction }) => transaction !== null);
  if (entries.some(({ operation }) => operation === '0')) throw new OutOfStep('the table was truncated');
  const transactions = new Set([...seen, ...entries.map(({ transaction }) => transaction)]);
  return {
    changes: sumUp(entries),
    position: {
      floor: moment.floor,
      seen: [...transactions].filter((transaction) => BigInt(transaction) >= BigInt(moment.floor)),
      oldest,
    },
  };
}

/** Each rule once: a rule that was added and removed again is no change. */
function sumUp(entries: readonly { operation: string; ptype: string | null; rule: unknown }[]): RuleChange[] {
  const changes = new Map<string, RuleChange>();
  for (const { operation, ptype, rule } of entries) {
    if (ptype === null) throw new OutOfStep('a row without a ptype was changed');
    const values = valuesOf(rule);
    const key = ruleKey({ ptype, values });
    const rows = (changes.get(key)?.rows ?? 0) + (operation === '+' ? 1 : -1);
    changes.set(key, { ptype, values, rows });
  }
  return [...changes.values()].filter(({ rows }) => rows !== 0);
}

function journalOf({ schema }: RuleTable): string {
  return quoteTable(JOURNAL, schema);
}
