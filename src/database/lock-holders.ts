import { type RawBuilder, sql } from 'kysely';
import type { LockHolder } from '../errors.ts';
import { homeSchemaExpression } from './home-schema.ts';
import { KYSELY_MIGRATION_LOCK, NAMESPACE } from './lock.ts';
import type { AnyKysely } from './transaction.ts';

/** Who holds one of the two advisory locks that a bootstrap waits for. */
export function findAdvisoryLockHolders(db: AnyKysely, schema: string | undefined): Promise<LockHolder[]> {
  const ours = sql`
    l.objsubid = 2
    and l.classid = ${NAMESPACE}::int::oid
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
 * Who holds locks on the tables: of those that conflict with most, if anybody has one; else any lock at all, since
 * to alter a table is to wait for its readers too. A migration may wait for tables that nobody named, so without
 * such holders it is those of a strong lock on any table.
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
  // Sixteen thousand is where PostgreSQL's own catalogs end and the tables of users begin.
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
    // Neither the server's DateStyle nor the application's parsers of timestamps have a say in it.
    since: since === null ? null : new Date(Number(since)),
  }));
}
