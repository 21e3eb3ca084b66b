import { APPLICATION_MIGRATION_TABLE, PACKAGE_MIGRATION_TABLE } from '../migration/run.ts';
import type { ResolvedOptions } from '../options/resolve.ts';

/** The tables that a bootstrap reads and writes, as far as it knows them; a seeder's may be qualified. */
export function involvedTables(options: ResolvedOptions): string[] {
  return [...seededTables(options), ...migrationTables(options)];
}

/** Those that seeders fill. */
export function seededTables({ seeders }: ResolvedOptions): string[] {
  return [...new Set(seeders.flatMap(({ table }) => table ?? []))];
}

/** Those that migrations are recorded in, the stock adapter's among them: ours records for it. */
export function migrationTables({ packageMigrations, applicationMigrations }: ResolvedOptions): string[] {
  return [
    ...(packageMigrations === null
      ? []
      : [PACKAGE_MIGRATION_TABLE, `${PACKAGE_MIGRATION_TABLE}_lock`, 'casbin_migrations']),
    ...(applicationMigrations === null
      ? []
      : [APPLICATION_MIGRATION_TABLE, `${APPLICATION_MIGRATION_TABLE}_lock`]),
  ];
}
