import { withBootstrap } from 'casbin-bootstrap/kysely';
// From Kysely 0.29 on, Migrator is in 'kysely/migration'.
import { Kysely, Migrator, PostgresDialect } from 'kysely';
import { defineConfig, TSFileMigrationProvider } from 'kysely-ctl';
import pg from 'pg';
import { options } from '../options.js';

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL });
const BootstrapMigrator = withBootstrap(Migrator, pool, options);

export default defineConfig({
  kysely: new Kysely({ dialect: new PostgresDialect({ pool }) }),
  migrations: {
    migrator: (db) =>
      new BootstrapMigrator({
        db,
        provider: new TSFileMigrationProvider({
          migrationFolder: `${import.meta.dirname}/migrations`,
          allowJS: true,
        }),
      }),
  },
});
