import { bootstrapDatabase } from 'casbin-bootstrap';
import { runner } from 'node-pg-migrate';
import pg from 'pg';
import { options } from '../options.js';

const databaseUrl = process.env.DATABASE_URL;
const pool = new pg.Pool({ connectionString: databaseUrl });
try {
  await runner({
    databaseUrl,
    dir: `${import.meta.dirname}/migrations`,
    migrationsTable: 'pgmigrations',
    direction: 'up',
    advisoryLockMode: 'wait', // or an instance that starts at the same moment fails
  });
  await bootstrapDatabase(pool, options);
} finally {
  await pool.end();
}
