import { JOURNAL } from '../../migrations/0003_journal.ts';
import { quoteTable } from '../database/catalog.ts';
import type { ClientLike } from '../database/client.ts';
import { ruleKey } from '../policy/rule.ts';
import type { RuleTable } from '../tables/rule-table.ts';
import { valuesOf } from './journal.ts';
import { OutOfStep, type RuleChange } from './live-rules.ts';

/**
 * How far a journal has been read. An entry that was drawn early may commit after later ones, so no number says it
 * alone: the transactions before `floor` were seen, and of the others those in `seen`, each with all of its entries.
 */
export interface Position {
  /** The oldest transaction that was open when it was read last. */
  readonly floor: string;
  readonly seen: readonly string[];
  /** The number of the oldest entry that was there; null for none. It changes when the journal is pruned. */
  readonly oldest: string | null;
}

/** What a journal has to say of a rule table since a position. */
export interface Followed {
  readonly changes: readonly RuleChange[];
  readonly position: Position;
}

/**
 * So many entries are read at a time; where there are more, to read all rules takes less. The limit also has the server
 * use the index, however old its statistics are.
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

/** Where a journal stands for a transaction that only reads: what it sees, it has seen. */
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
 * Reads on from a position, in one statement: whole transactions, as it sees one moment of the database.
 *
 * @throws OutOfStep where entries may be gone that were not read or are too many, or the table was truncated or has no
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
  // What was pruned may have been committed since, however old it was. Of an empty journal nobody knows either.
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

/** Each rule once: what came and went meanwhile is no change. */
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
