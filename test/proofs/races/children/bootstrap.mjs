import { bootstrapDatabase } from 'casbin-bootstrap';
import pg from 'pg';
import { serveRounds } from '../../../support/children/rounds.mjs';

// The last of many waits for all others, however busy the machine is.
const LOCK_TIMEOUT_MS = 120_000;

await serveRounds(async ({ url, table }) => {
  const pool = new pg.Pool({ connectionString: url, max: 1 });
  await pool.query('select 1');
  return async () => {
    const { changed, migrations, seeders } = await bootstrapDatabase(pool, {
      table,
      lockTimeoutMs: LOCK_TIMEOUT_MS,
    });
    await pool.end();
    const inserted = seeders.reduce((sum, seeder) => sum + seeder.inserted, 0);
    return { changed, migrations: migrations.map(({ name }) => name), inserted };
  };
});
