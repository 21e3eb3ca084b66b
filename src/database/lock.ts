import { sql } from 'kysely';
import type { LockHolder } from '../errors.ts';
import type { AnyKysely, AnyTransaction } from './transaction.ts';

/** The first half of our lock's key, so that nobody else's two-number locks meet ours: "csbn" in ASCII. */
const NAMESPACE = 0x6373626e;

/** What Kysely's own Migrator locks (kysely 0.28.18 and 0.29.9, PostgresAdapter). */
const KYSELY_MIGRATION_LOCK = '3853314791062309107';

/**
 * Waits until this transaction is the only bootstrap of the schema, and no Kysely Migrator runs beside it. Both
 * locks end with the transaction. Bounded by the transaction's lock_timeout.
 */
export async function acquireBootstrapLock(trx: AnyTransaction, schema: string): Promise<void> {
  // A statement_timeout of the role's own, shorter than the wait, would end it with 57014.
  const { rows } = await sql<{ timeout: string }>`
    select current_setting('statement_timeout') as timeout, set_config('statement_timeout', '0', true)
  `.execute(trx);
  await sql`select pg_advisory_xact_lock(${NAMESPACE}::int, hashtext(${schema}))`.execute(trx);
  // Shared: two schemas need not wait for each other, and a Migrator, which asks for all of it, waits for both.
  await sql`select pg_advisory_xact_lock_shared(${KYSELY_MIGRATION_LOCK}::bigint)`.execute(trx);
  await sql`select set_config('statement_timeout', ${rows[0]?.timeout ?? '0'}, true)`.execute(trx);
}

/** Who holds the locks that a bootstrap waits for: the advisory ones, and those on the tables named. */
export async function findLockHolders(
  db: AnyKysely,
  schema: string | undefined,
  tables: readonly string[],
): Promise<LockHolder[]> {
  const { rows } = await sql<{ pid: number; application_name: string | null; since: Date | null }>`
    with home as (
      select coalesce(${schema ?? null}, current_schema()) as name
    ),
    relation as (
      select c.oid
      from pg_catalog.pg_class c
      join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      join home on home.name = n.nspname
      where c.relname = any(${tables}::text[])
    )
    select distinct l.pid, a.application_name, a.xact_start as since
    from pg_catalog.pg_locks l
    join pg_catalog.pg_stat_activity a on a.pid = l.pid
    cross join home
    where l.granted
      and l.pid <> pg_backend_pid()
      and l.database = (select oid from pg_catalog.pg_database where datname = current_database())
      and (
        (l.locktype = 'advisory' and l.objsubid = 2
          and l.classid = ${NAMESPACE}::int::oid and l.objid = hashtext(home.name)::oid)
        or (l.locktype = 'advisory' and l.objsubid = 1 and l.mode = 'ExclusiveLock'
          and (l.classid::bigint << 32) + l.objid::bigint = ${KYSELY_MIGRATION_LOCK}::bigint)
        or (l.locktype = 'relation' and l.relation in (select oid from relation)
          and l.mode in ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock', 'RowExclusiveLock'))
      )
    order by l.pid
  `.execute(db);
  return rows.map(({ pid, application_name, since }) => ({
    pid,
    applicationName: application_name ?? '',
    since,
  }));
}
