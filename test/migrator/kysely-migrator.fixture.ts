import * as kysely from 'kysely';
import type pg from 'pg';
import type { Migration, MigrationProvider } from '../../src/index.ts';

interface Outcome {
  readonly error?: unknown;
  readonly results?: readonly {
    readonly migrationName: string;
    readonly direction: 'Up' | 'Down';
    readonly status: 'Success' | 'Error' | 'NotExecuted';
  }[];
}

/** As much of Kysely's Migrator as the tests use. */
export interface ApplicationMigrator {
  migrateToLatest(): Promise<Outcome>;
  migrateTo(target: string | object): Promise<Outcome>;
  migrateUp(): Promise<Outcome>;
  migrateDown(): Promise<Outcome>;
}

interface MigrationModule {
  readonly Migrator: new (props: object) => ApplicationMigrator;
  readonly NO_MIGRATIONS: object;
  readonly FileMigrationProvider: new (props: object) => MigrationProvider;
}

/** Kysely 0.29 moved them out of the root; a variable, as 0.28 has no such module for the compiler to find. */
const moved = 'kysely/migration';
const { Migrator, NO_MIGRATIONS, FileMigrationProvider }: MigrationModule =
  typeof Reflect.get(kysely, 'Migrator') === 'function' ? { ...Object(kysely) } : await import(moved);

export { FileMigrationProvider, Migrator, NO_MIGRATIONS };

/** The application's own Migrator, with nothing but defaults unless props of Kysely's are given. */
export function applicationMigrator(
  pool: pg.Pool,
  migrations: Readonly<Record<string, Migration>>,
  props: object = {},
): ApplicationMigrator {
  const db = new kysely.Kysely({ dialect: new kysely.PostgresDialect({ pool }) });
  return new Migrator({ db, provider: { getMigrations: async () => migrations }, ...props });
}
