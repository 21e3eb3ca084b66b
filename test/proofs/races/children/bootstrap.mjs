import { bootstrapDatabase } from 'casbin-bootstrap';
import pg from 'pg';
import { serveRounds } from '../../../support/children/rounds.mjs';

// The last of many waits for all others, however busy the machine is.
const LOCK_TIMEOUT_MS = 120_000;

// How many instances are in each process is for the test to say: to start a process takes longer than a bootstrap.
await serveRounds(async ({ url, table, instances }) => {
  const pools = Array.from({ length: instances }, () => new pg.Pool({ connectionString: url, max: 1 }));
  await Promise.all(pools.map((pool) => pool.query('select 1')));
  return () => Promise.all(pools.map((pool) => bootstrap(pool, table)));
});

async function bootstrap(pool, table) {
  const { changed, migrations, seeders } = await bootstrapDatabase(pool, {
    table,
    lockTimeoutMs: LOCK_TIMEOUT_MS,
  });
  await pool.end();
  const inserted = seeders.reduce((sum, seeder) => sum + seeder.inserted, 0);
  return { changed, migrations: migrations.map(({ name }) => name), inserted };
}
