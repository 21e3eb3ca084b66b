import { sql } from 'kysely';
import { quoteIdentifier, quoteTable } from '../database/catalog.ts';
import type { AnyKysely, AnyTransaction } from '../database/transaction.ts';
import { DatabaseError } from '../errors.ts';
import { type MigrationList, type Migrations, PACKAGE_LIST } from './migration.ts';

/** What is there of a list of migrations. */
export interface FoundList {
  readonly isSchemaThere: boolean;
  /** Those of its two tables that exist. */
  readonly tables: readonly string[];
  readonly applied: readonly string[];
}

/** Reads what is there of a list, by one query, and by another one if its table is there. */
export async function findList(
  db: AnyKysely,
  schema: string,
  { tableName, lockTableName }: MigrationList,
): Promise<FoundList> {
  const { rows } = await sql<{ isSchemaThere: boolean; tables: string[] }>`
    select
      exists (select from pg_catalog.pg_namespace where nspname = ${schema}) as "isSchemaThere",
      (
        select coalesce(json_agg(c.relname), '[]')
        from pg_catalog.pg_class c
        join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        where n.nspname = ${schema} and c.relname in (${tableName}, ${lockTableName})
      ) as tables
  `.execute(db);
  const { isSchemaThere = false, tables = [] } = rows[0] ?? {};
  const applied = tables.includes(tableName) ? await readNames(db, schema, tableName) : [];
  return { isSchemaThere, tables, applied };
}

async function readNames(db: AnyKysely, schema: string, table: string): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    select name from ${sql.id(schema, table)} order by name
  `.execute(db);
  return rows.map(({ name }) => name);
}

/**
 * Refuses to run in a new schema what the application's own Migrator has run in another schema of the search_path. A
 * list beside one of this package is that of another tenant. The list of the new schema itself is empty.
 *
 * @throws DatabaseError `MIGRATIONS_ELSEWHERE`
 */
export async function refuseElsewhere(
  trx: AnyTransaction,
  schema: string,
  { tableName }: MigrationList,
  migrations: Migrations,
): Promise<void> {
  const { rows } = await sql<{ home: string }>`
    select n.nspname as home
    from unnest(current_schemas(false)) as path (name)
    join pg_catalog.pg_namespace n on n.nspname = path.name
    join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = ${tableName}
    where has_table_privilege(c.oid, 'select')
    and not exists (
      select from pg_catalog.pg_class p where p.relnamespace = n.oid and p.relname = ${PACKAGE_LIST.tableName}
    )
  `.execute(trx);
  for (const { home } of rows) {
    const recorded = (await readNames(trx, home, tableName)).filter((name) =>
      Object.hasOwn(migrations, name),
    );
    if (recorded.length === 0) continue;
    throw new DatabaseError(
      'MIGRATIONS_ELSEWHERE',
      `The application's migrations are recorded in ${quoteTable(tableName, home)} (${recorded[0]}${recorded.length > 1 ? ` and ${recorded.length - 1} more` : ''}), and would run again in schema ${quoteIdentifier(schema)}. Nothing was changed. Run them by your own Migrator, and leave out the migrations option; or leave out the schema option. If they are to run in this schema too, give tableName and lockTableName beside their provider.`,
    );
  }
}
