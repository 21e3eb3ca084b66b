import type { Kysely } from 'kysely';

/** A Kysely migration. Structural, as the type moved between Kysely 0.28 and 0.29. */
export interface Migration {
  /** Makes the change, in the transaction of the bootstrap, on a Kysely without plugins. */
  // biome-ignore lint/suspicious/noExplicitAny: as in Kysely: a migration sees the schema of its own time
  up(db: Kysely<any>): Promise<void>;
  /** Undoes it. A bootstrap never calls it. */
  // biome-ignore lint/suspicious/noExplicitAny: as above
  down?(db: Kysely<any>): Promise<void>;
}

/** Where an application's migrations come from; Kysely's FileMigrationProvider is one. */
export interface MigrationProvider {
  /** Resolves to the migrations by name. They run in the order of their names. */
  getMigrations(): Promise<Record<string, Migration>>;
}

/** The application's migrations, where they are recorded, and in which order they run, as for Kysely's Migrator. */
export interface MigrationSettings {
  /** Where the migrations come from. */
  readonly provider: MigrationProvider;
  /** Default: `kysely_migration`. Changing it later runs all of them again. */
  readonly tableName?: string;
  /** Default: `kysely_migration_lock`. */
  readonly lockTableName?: string;
  /** Whether a migration may run whose name sorts before an applied one. Default: false. */
  readonly allowUnorderedMigrations?: boolean;
}

/** A list of migrations that is recorded apart from others. */
export interface MigrationList {
  readonly tableName: string;
  readonly lockTableName: string;
  readonly allowUnorderedMigrations: boolean;
}

/** The defaults of Kysely's Migrator. */
export const APPLICATION_LIST: MigrationList = {
  tableName: 'kysely_migration',
  lockTableName: 'kysely_migration_lock',
  allowUnorderedMigrations: false,
};

/**
 * The list of this package and the seeders. Seeders are added and removed with their migrations, so any order is
 * allowed.
 */
export const PACKAGE_LIST: MigrationList = {
  tableName: 'casbin_bootstrap_migration',
  lockTableName: 'casbin_bootstrap_migration_lock',
  allowUnorderedMigrations: true,
};

/** Migrations by name. They run in the order of their names, as by Kysely's Migrator. */
export type Migrations = Readonly<Record<string, Migration>>;

/** Whether a provider comes with settings. A single migration may be called `provider`, too. */
export function isMigrationSettings(given: unknown): given is MigrationSettings {
  return (
    typeof given === 'object' &&
    given !== null &&
    'provider' in given &&
    typeof Object(given.provider).up !== 'function'
  );
}
