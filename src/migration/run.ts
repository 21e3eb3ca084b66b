import { StepFailure, TransactionEnded } from '../database/step-failure.ts';
import { type AnyKysely, isSameTransaction } from '../database/transaction.ts';
import { loadMigrator } from './kysely-migrator.ts';
import type { Migration, MigrationList, Migrations } from './migration.ts';
import { inOneSchema } from './one-schema.ts';

/** One run of Kysely's Migrator. */
export interface MigrationRun {
  readonly list: MigrationList;
  readonly schema: string;
  readonly migrations: Migrations;
  /** Names that the table has and `migrations` lacks, which are to be ignored; Kysely would refuse them. */
  readonly ignored?: readonly string[];
  /** Called after each migration, with its name; what it throws fails that migration. */
  readonly afterEach: (migration: string) => Promise<void>;
}

/**
 * Runs what is pending through Kysely's Migrator, inside the transaction that is open on `db`.
 *
 * @param db the Kysely that the transaction was opened on: on 0.28 a Migrator can't use a Transaction itself
 * @returns the names of the migrations that were applied, in order
 * @throws StepFailure naming the migration that failed or ended the transaction
 */
export async function runMigrations(db: AnyKysely, run: MigrationRun): Promise<string[]> {
  const Migrator = await loadMigrator();
  const migrator = new Migrator({
    db: inOneSchema(db, run.schema),
    provider: { getMigrations: async () => ({ ...placeholders(run.ignored), ...guardAll(run) }) },
    disableTransactions: true,
    allowUnorderedMigrations: run.list.allowUnorderedMigrations,
    migrationTableSchema: run.schema,
    migrationTableName: run.list.tableName,
    migrationLockTableName: run.list.lockTableName,
  });
  const { error, results = [] } = await migrator.migrateToLatest();
  const failed = results.find(({ status }) => status === 'Error');
  // A migration may throw undefined, and then there is no error but a failure all the same.
  if (error !== undefined || failed !== undefined) {
    throw new StepFailure({ kind: 'migration', name: failed?.migrationName ?? null }, error);
  }
  return results.filter(({ status }) => status === 'Success').map(({ migrationName }) => migrationName);
}

function guardAll({ migrations, afterEach }: MigrationRun): Record<string, Migration> {
  const entries = Object.entries(migrations).map(([name, migration]) => {
    return [name, guard(migration, () => afterEach(name))] as const;
  });
  return Object.fromEntries(entries);
}

/** The migration, followed by a look at whether the transaction that it was given is still open. */
function guard(migration: Migration, after: () => Promise<void>): Migration {
  return {
    async up(db) {
      await migration.up(db.withoutPlugins());
      if (!(await isSameTransaction(db))) {
        throw new TransactionEnded('It ended the transaction that it runs in');
      }
      await after();
    },
  };
}

function placeholders(names: readonly string[] = []): Record<string, Migration> {
  return Object.fromEntries(names.map((name) => [name, { up: async () => {} }]));
}
