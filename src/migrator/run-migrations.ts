import { engineBehind } from '../database/dialect.ts';
import { requireSameTransaction, StepFailure } from '../database/step-failure.ts';
import type { AnyKysely } from '../database/transaction.ts';
import { loadMigrator } from './kysely-migrator.ts';
import type { Migration, MigrationList, Migrations } from './migration.ts';
import type { FoundList } from './recorded-migrations.ts';

/** One run of Kysely's Migrator. */
export interface MigrationRun {
  readonly list: MigrationList;
  readonly schema: string;
  readonly migrations: Migrations;
  readonly found: FoundList;
  /** Names that the table has and `migrations` lacks. They are ignored; Kysely would refuse them. */
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
    db: withFound(db, run),
    provider: { getMigrations: async () => ({ ...placeholders(run.ignored), ...guardAll(run) }) },
    disableTransactions: true,
    allowUnorderedMigrations: run.list.allowUnorderedMigrations,
    migrationTableSchema: run.schema,
    migrationTableName: run.list.tableName,
    migrationLockTableName: run.list.lockTableName,
  });
  const { error, results = [] } = await migrator.migrateToLatest();
  const failed = results.find(({ status }) => status === 'Error');
  // A migration may throw undefined; there is then a failure without an error.
  if (error !== undefined || failed !== undefined) {
    throw new StepFailure({ kind: 'migration', name: failed?.migrationName ?? null }, error);
  }
  return results.map(({ migrationName }) => migrationName);
}

function guardAll({ migrations, afterEach }: MigrationRun): Record<string, Migration> {
  const entries = Object.entries(migrations).map(([name, migration]) => {
    return [name, withCheckAfter(migration, () => afterEach(name))] as const;
  });
  return Object.fromEntries(entries);
}

/** The migration, and then a check that the transaction that it was given is still open. */
function withCheckAfter(migration: Migration, after: () => Promise<void>): Migration {
  return {
    async up(db) {
      await migration.up(db.withoutPlugins());
      // Where each statement commits by itself, no transaction is open.
      if (!engineBehind(db).commitsDdl) await requireSameTransaction(db);
      await after();
    },
  };
}

function placeholders(names: readonly string[] = []): Record<string, Migration> {
  return Object.fromEntries(names.map((name) => [name, { up: async () => {} }]));
}

/**
 * The same Kysely for a Migrator, whose introspection tells what was found. Kysely's own introspection reads each
 * column of each schema, so with a schema for each of many tenants, each tenant would take longer than the one before.
 * Migrations get the real Kysely.
 */
function withFound(db: AnyKysely, { schema, found }: MigrationRun): AnyKysely {
  const introspection = {
    getSchemas: async () => (found.isSchemaThere ? [{ name: schema }] : []),
    getTables: async () => found.tables.map((name) => ({ name, schema })),
  };
  return new Proxy(db, {
    get(target, key) {
      if (key === 'introspection') return introspection;
      const value: unknown = Reflect.get(target, key, target);
      // A Kysely uses private fields, which the proxy does not have.
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
