import { sql } from 'kysely';
import type { AnyKysely, AnyTransaction } from '../database/transaction.ts';
import type { TakeoverReport } from '../report.ts';
import type { Migrations } from './migration.ts';
import { APPLICATION_MIGRATION_TABLE, PACKAGE_MIGRATION_TABLE, runMigrations } from './run.ts';
import { takeOver } from './takeover.ts';

/** What is to be migrated; null where another tool does it, or there is nothing. */
export interface MigrationPlan {
  readonly schema: string;
  readonly packageMigrations: Migrations | null;
  readonly applicationMigrations: Migrations | null;
}

/** What migrating did. */
export interface Migrated {
  readonly applied: readonly string[];
  readonly takeover: TakeoverReport | null;
  /** Whether this library had never migrated the schema before. */
  readonly firstRun: boolean;
}

/**
 * Runs what is pending of this package's and the seeders' migrations, then of the application's: two runs, each
 * with a table of its own. In one list their names would interleave, which Kysely calls corrupted, and the
 * application would no longer be free to run a Migrator itself.
 *
 * @param db what `trx` was opened on
 */
export async function migrateDatabase(
  db: AnyKysely,
  trx: AnyTransaction,
  plan: MigrationPlan,
): Promise<Migrated> {
  const { schema, packageMigrations, applicationMigrations } = plan;
  const applied: string[] = [];
  let takeover: TakeoverReport | null = null;
  let firstRun = false;
  if (packageMigrations !== null) {
    const known = await readApplied(trx, schema, PACKAGE_MIGRATION_TABLE);
    firstRun = known.length === 0;
    if (firstRun) takeover = await takeOver(trx, schema);
    // An older release meets names that a newer one has applied. Kysely insists on knowing each.
    const ignored = known.filter((name) => !Object.hasOwn(packageMigrations, name));
    const run = { table: PACKAGE_MIGRATION_TABLE, schema, migrations: packageMigrations, ignored };
    if (isPending(packageMigrations, known)) applied.push(...(await runMigrations(db, run)));
  }
  if (applicationMigrations !== null) {
    const known = await readApplied(trx, schema, APPLICATION_MIGRATION_TABLE);
    const run = { table: APPLICATION_MIGRATION_TABLE, schema, migrations: applicationMigrations };
    if (isPending(applicationMigrations, known)) applied.push(...(await runMigrations(db, run)));
  }
  return { applied, takeover, firstRun };
}

function isPending(migrations: Migrations, known: readonly string[]): boolean {
  return Object.keys(migrations).some((name) => !known.includes(name));
}

async function readApplied(trx: AnyTransaction, schema: string, table: string): Promise<string[]> {
  const { rows: tables } = await sql`
    select
    where to_regclass(quote_ident(${schema}) || '.' || quote_ident(${table})) is not null
  `.execute(trx);
  if (tables.length === 0) return [];
  const { rows } = await sql<{ name: string }>`
    select name from ${sql.id(schema, table)} order by name
  `.execute(trx);
  return rows.map(({ name }) => name);
}
