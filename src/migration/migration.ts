import type { Kysely } from 'kysely';

/** A Kysely migration. Structural, as the type moved between Kysely 0.28 and 0.29. */
export interface Migration {
  // biome-ignore lint/suspicious/noExplicitAny: as in Kysely: a migration sees the schema of its own time
  up(db: Kysely<any>): Promise<void>;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  down?(db: Kysely<any>): Promise<void>;
}

/** Where an application's migrations come from; Kysely's FileMigrationProvider is one. */
export interface MigrationProvider {
  getMigrations(): Promise<Record<string, Migration>>;
}

export type Migrations = Readonly<Record<string, Migration>>;
