import { promises as fs } from 'node:fs';
import path from 'node:path';
import { withBootstrap } from 'casbin-bootstrap/kysely';
// From Kysely 0.29 on, FileMigrationProvider and Migrator are in 'kysely/migration'.
import { FileMigrationProvider, Kysely, Migrator, PostgresDialect } from 'kysely';
import pg from 'pg';
import { options } from '../options.js';

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL });
const db = new Kysely({ dialect: new PostgresDialect({ pool }) });
const migrationFolder = path.join(import.meta.dirname, 'migrations');

const BootstrapMigrator = withBootstrap(Migrator, pool, options);
const migrator = new BootstrapMigrator({
  db,
  provider: new FileMigrationProvider({ fs, path, migrationFolder }),
});

const { error, results } = await migrator.migrateToLatest();
console.log(`${results?.length ?? 0} migrations`);
await db.destroy();
if (error !== undefined) throw error;
