import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'kysely';
import { tableIn } from './catalog.ts';
import type { ClientLike } from './client.ts';
import { errorCode, SQLSTATE } from './sqlstates.ts';
import type { AnyKysely } from './transaction.ts';

/** The table whose rows are used as locks on an engine without advisory locks. */
export const LOCK_TABLE = 'casbin_bootstrap_lock';

/** The row that a bootstrap holds from its first step to its last, and the row that each writer of rules changes. */
const BOOTSTRAP = 'bootstrap';
const RULES = 'rules';

/** How long a bootstrap holds the row without renewing it: shorter than others wait for it by default. */
const LEASE = sql.lit('20 seconds');

const PAUSE_MS = 200;

/** The row was not free in time. */
export class LockRowNotGranted extends Error {
  readonly holder: string;
  readonly since: Date;

  constructor(holder: string, since: Date) {
    super(`The lock row is held by ${holder}`);
    this.holder = holder;
    this.since = since;
  }
}

/** Another bootstrap has taken the row, because its holder did not renew it. The next attempt waits for that one. */
class LockRowLost extends Error {
  readonly code = SQLSTATE.SERIALIZATION_FAILURE;
}

/** The lock row of a running bootstrap. */
export interface HeldRow {
  /** Renews the row. Throws LockRowLost. */
  extend(): Promise<void>;
  /** The same in a transaction: until it ends, nobody can take the row. Throws LockRowLost. */
  keep(trx: AnyKysely): Promise<void>;
}

/** Makes the table of the rows, if it is missing. */
export async function makeLockTable(steps: AnyKysely, schema: string): Promise<void> {
  const table = tableIn(schema, LOCK_TABLE);
  await sql`
    create table if not exists ${table} (name varchar(63) primary key, holder text, since timestamptz, expires timestamptz)
  `.execute(steps);
  await sql`insert into ${table} (name) values (${BOOTSTRAP}), (${RULES}) on conflict (name) do nothing`.execute(
    steps,
  );
}

/**
 * Does `work` as the only bootstrap of the schema. The row is free again afterwards; if the process dies, it is free 20
 * seconds after the last renewal.
 *
 * @param steps commits each statement by itself
 * @throws LockRowNotGranted
 */
export async function withLockRow<T>(
  steps: AnyKysely,
  schema: string,
  lockTimeoutMs: number,
  work: (row: HeldRow) => Promise<T>,
): Promise<T> {
  const table = tableIn(schema, LOCK_TABLE);
  const me = `process ${process.pid} on ${hostname()}, ${randomUUID()}`;
  const renew = async (db: AnyKysely) => {
    const { rows } = await sql`
      update ${table} set expires = now() + interval ${LEASE} where name = ${BOOTSTRAP} and holder = ${me} returning name
    `.execute(db);
    if (rows.length === 0) throw new LockRowLost('Another bootstrap has taken the lock row');
  };
  await takeRow(steps, schema, me, lockTimeoutMs);
  try {
    return await work({ extend: () => renew(steps), keep: renew });
  } finally {
    // If this fails, the row expires by itself. The earlier error matters more.
    await sql`update ${table} set holder = null where name = ${BOOTSTRAP} and holder = ${me}`
      .execute(steps)
      .catch(() => {});
  }
}

async function takeRow(steps: AnyKysely, schema: string, me: string, lockTimeoutMs: number): Promise<void> {
  const table = tableIn(schema, LOCK_TABLE);
  const end = lockTimeoutMs === 0 ? Number.POSITIVE_INFINITY : performance.now() + lockTimeoutMs;
  for (;;) {
    const take = sql`
      update ${table} set holder = ${me}, since = now(), expires = now() + interval ${LEASE}
      where name = ${BOOTSTRAP} and (holder is null or expires < now())
      returning name
    `;
    const { rows } = await take.execute(steps).catch((error: unknown) => {
      // Somebody else took it at the same moment.
      if (errorCode(error) === SQLSTATE.SERIALIZATION_FAILURE) return { rows: [] };
      throw error;
    });
    if (rows.length > 0) return;
    if (performance.now() > end) {
      const holder = await readHolder(steps, schema);
      if (holder !== null) throw holder;
    }
    await sleep(Math.random() * PAUSE_MS);
  }
}

async function readHolder(steps: AnyKysely, schema: string): Promise<LockRowNotGranted | null> {
  const { rows } = await sql<{ holder: string | null; since: string }>`
    select holder, (extract(epoch from since) * 1000)::text as since
    from ${tableIn(schema, LOCK_TABLE)}
    where name = ${BOOTSTRAP}
  `.execute(steps);
  const [row] = rows;
  return row?.holder ? new LockRowNotGranted(row.holder, new Date(Number(row.since))) : null;
}

/** Makes all writers of rules wait for each other until the transaction ends, or fail at its commit. */
export async function lockRulesRow(client: ClientLike, table: string): Promise<void> {
  await client.query(`update ${table} set since = now() where name = $1`, [RULES]);
}
