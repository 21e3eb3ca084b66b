import { PACKAGE_LIST } from '../migration/migration.ts';
import type { ResolvedOptions } from '../options/resolve.ts';

/** The tables that a bootstrap reads and writes, as far as it knows them; a seeder's may be qualified. */
export function involvedTables(options: ResolvedOptions): string[] {
  return [...seededTables(options), ...migrationTables(options)];
}

/** Those that seeders fill. */
export function seededTables({ seeders }: ResolvedOptions): string[] {
  return [...new Set(seeders.flatMap(({ table }) => table ?? []))];
}

/** Those that a bootstrap reads to learn which migrations are applied. */
export function recordTables(options: ResolvedOptions): string[] {
  const { packageMigrations, applicationMigrations, applicationList } = options;
  return [
    ...(packageMigrations === null ? [] : [PACKAGE_LIST.tableName]),
    ...(applicationMigrations === null ? [] : [applicationList.tableName]),
  ];
}

/** All that migrations are recorded in, the stock adapter's among them: ours records for it. */
export function migrationTables(options: ResolvedOptions): string[] {
  const { packageMigrations, applicationMigrations, applicationList } = options;
  return [
    ...recordTables(options),
    ...(packageMigrations === null ? [] : [PACKAGE_LIST.lockTableName, 'casbin_migrations']),
    ...(applicationMigrations === null ? [] : [applicationList.lockTableName]),
  ];
}
