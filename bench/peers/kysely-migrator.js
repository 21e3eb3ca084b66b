import { Kysely, PostgresDialect } from 'kysely';
import { loadMigrator } from '../../dist/src/migrator/kysely-migrator.js';

const Migrator = await loadMigrator();

/** The floor of migrating: Kysely's own Migrator, as its documentation shows it. */
export async function migrateByKysely(pool, migrations) {
  const db = new Kysely({ dialect: new PostgresDialect({ pool }) });
  const migrator = new Migrator({ db, provider: { getMigrations: async () => migrations } });
  const { error, results } = await migrator.migrateToLatest();
  if (error !== undefined) throw error;
  return results.length;
}
