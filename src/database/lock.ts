import { type RawBuilder, sql } from 'kysely';
import type { LockHolder } from '../errors.ts';
import { homeSchemaExpression, quoteText } from './catalog.ts';
import { errorCode, SQLSTATE } from './sqlstates.ts';
import type { AnyKysely, AnyTransaction } from './transaction.ts';

/** The first halves of the keys of our advisory locks, which nobody else uses: "csbn", "csbr" and so on in ASCII. */
export const LOCKS = {
  BOOTSTRAP: 0x6373626e,
  RULES: 0x63736272,
  TABLES: 0x63736274,
  CHANGES: 0x63736267,
  LINKS: 0x6373626c,
} as const;

/** The lock of Kysely's own Migrator (kysely 0.28.19 and 0.29.9, PostgresAdapter). */
const KYSELY_MIGRATION_LOCK = '3853314791062309107';

/** One of the two advisory locks was not granted in time. */
export class AdvisoryLockNotGranted extends Error {
  /** The owner of the lock, as a message names it. */
  readonly owner: string;

  constructor(owner: string, cause: unknown) {
    super(`The lock of ${owner} was not granted`, { cause });
    this.owner = owner;
  }
}

/**
 * Waits until this transaction is the only bootstrap of the schema, and no Kysely Migrator runs beside it. Both
 * locks end with the transaction. Bounded by the transaction's lock_timeout: throws AdvisoryLockNotGranted.
 */
export async function acquireBootstrapLock(trx: AnyTransaction, schema: string): Promise<void> {
  // A statement_timeout of the role that is shorter than the wait would end it with 57014.
  const { rows } = await sql<{ timeout: string }>`
    select current_setting('statement_timeout') as timeout, set_config('statement_timeout', '0', true)
  `.execute(trx);
  const ours = sql`select pg_advisory_xact_lock(${LOCKS.BOOTSTRAP}::int, hashtext(${schema}))`;
  await acquire(trx, 'another bootstrap', ours);
  // Shared: two schemas need not wait for each other, and a Migrator, which takes it exclusively, waits for both.
  const timeout = sql`set_config('statement_timeout', ${rows[0]?.timeout ?? '0'}, true)`;
  // The new limit is that of the statements after this one.
  const kyselys = sql`select pg_advisory_xact_lock_shared(${KYSELY_MIGRATION_LOCK}::bigint), ${timeout}`;
  await acquire(trx, "Kysely's Migrator", kyselys);
}

async function acquire(trx: AnyTransaction, owner: string, lock: RawBuilder<unknown>): Promise<void> {
  try {
    await lock.execute(trx);
  } catch (error) {
    throw errorCode(error) === SQLSTATE.LOCK_NOT_AVAILABLE ? new AdvisoryLockNotGranted(owner, error) : error;
  }
}

/** Whether this session holds the lock of a bootstrap. */
export async function holdsBootstrapLock(db: AnyKysely): Promise<boolean> {
  const { rows } = await sql`
    select
    from pg_catalog.pg_locks
    where locktype = 'advisory' and objsubid = 2 and classid = ${LOCKS.BOOTSTRAP}::int::oid and pid = pg_backend_pid()
  `.execute(db);
  return rows.length > 0;
}

/**
 * The call that takes the lock of a bootstrap, for a script; the schema is undefined where the search_path finds it.
 */
export function lockStatement(schema: string | undefined): string {
  return `pg_advisory_xact_lock(${LOCKS.BOOTSTRAP}, hashtext(${schema === undefined ? 'current_schema()' : quoteText(schema)}))`;
}

/** Who holds one of the two advisory locks that a bootstrap waits for. */
export function findAdvisoryLockHolders(db: AnyKysely, schema: string | undefined): Promise<LockHolder[]> {
  const ours = sql`
    l.objsubid = 2
    and l.classid = ${LOCKS.BOOTSTRAP}::int::oid
    and l.objid = hashtext(${homeSchemaExpression(schema)})::oid
  `;
  const kyselys = sql`
    l.objsubid = 1
    and l.mode = 'ExclusiveLock'
    and (l.classid::bigint << 32) + l.objid::bigint = ${KYSELY_MIGRATION_LOCK}::bigint
  `;
  return findHolders(db, sql`l.locktype = 'advisory' and ((${ours}) or (${kyselys}))`);
}

/**
 * Who holds locks on the tables: the holders of locks that conflict with most others; if there are none, of any lock,
 * because to alter a table also waits for its readers. A migration may wait for tables that are not known here, so if
 * there are still none, the holders of a strong lock on any table.
 */
export async function findTableLockHolders(
  db: AnyKysely,
  schema: string | undefined,
  tables: readonly string[],
): Promise<LockHolder[]> {
  const isStrong = sql`
    l.mode in ('ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
  `;
  const isOnOurs = sql`
    l.locktype = 'relation'
    and exists (
      select
      from pg_catalog.pg_class c
      join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      where c.oid = l.relation
      and (
        c.relname = any(${tables}::text[]) and n.nspname = ${homeSchemaExpression(schema)}
        or n.nspname || '.' || c.relname = any(${tables}::text[])
      )
    )
  `;
  // PostgreSQL's own catalogs have lower numbers, tables of users higher ones.
  const isOnAny = sql`l.locktype = 'relation' and l.relation >= 16384`;
  const searches = [
    sql`${isOnOurs} and ${isStrong}`,
    sql`${isOnOurs} and l.mode = 'RowExclusiveLock'`,
    isOnOurs,
    sql`${isOnAny} and ${isStrong}`,
  ];
  for (const search of searches) {
    const holders = await findHolders(db, search);
    if (holders.length > 0) return holders;
  }
  return [];
}

async function findHolders(db: AnyKysely, condition: RawBuilder<unknown>): Promise<LockHolder[]> {
  const { rows } = await sql<{ pid: number; application_name: string | null; since: string | null }>`
    select distinct l.pid, a.application_name, (extract(epoch from a.xact_start) * 1000)::text as since
    from pg_catalog.pg_locks l
    join pg_catalog.pg_stat_activity a on a.pid = l.pid
    where l.granted
    and l.pid <> pg_backend_pid()
    and l.database = (select oid from pg_catalog.pg_database where datname = current_database())
    and (${condition})
    order by l.pid
  `.execute(db);
  return rows.map(({ pid, application_name, since }) => ({
    pid,
    applicationName: application_name ?? '',
    // So it depends neither on the server's DateStyle nor on the application's parsers of timestamps.
    since: since === null ? null : new Date(Number(since)),
  }));
}
