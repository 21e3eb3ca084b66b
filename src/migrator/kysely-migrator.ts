import * as kysely from 'kysely';
import type { AnyKysely } from '../database/transaction.ts';
import type { MigrationProvider } from './migration.ts';

/** As much of Kysely's MigrationResultSet as we read; its Migrator never throws. */
interface MigrationOutcome {
  readonly error?: unknown;
  readonly results?: readonly {
    readonly migrationName: string;
    readonly status: 'Success' | 'Error' | 'NotExecuted';
  }[];
}

interface MigratorProps {
  readonly db: AnyKysely;
  readonly provider: MigrationProvider;
  readonly disableTransactions: boolean;
  readonly allowUnorderedMigrations: boolean;
  readonly migrationTableName: string;
  readonly migrationLockTableName: string;
  readonly migrationTableSchema: string;
}

type KyselyMigratorClass = new (props: MigratorProps) => { migrateToLatest(): Promise<MigrationOutcome> };

/** Kysely's Migrator, from where the installed version has it: 0.29 moved it out of the root. */
export async function loadMigrator(): Promise<KyselyMigratorClass> {
  const inRoot: unknown = Reflect.get(kysely, 'Migrator');
  if (isClass(inRoot)) return inRoot;
  // Composed, as 0.28 has no such module for a compiler or a bundler to find.
  const specifier = ['kysely', 'migration'].join('/');
  const { Migrator }: { Migrator: KyselyMigratorClass } = await import(specifier);
  return Migrator;
}

function isClass(value: unknown): value is KyselyMigratorClass {
  return typeof value === 'function';
}
