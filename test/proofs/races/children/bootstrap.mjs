import { bootstrapDatabase } from 'casbin-bootstrap';
import pg from 'pg';
import { whenAllReady } from '../../../support/children/barrier.mjs';

const [table] = process.argv.slice(2);
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 1 });
await pool.query('select 1');
await whenAllReady();
const { changed, migrations, seeders } = await bootstrapDatabase(pool, { table });
await pool.end();
const inserted = seeders.reduce((sum, seeder) => sum + seeder.inserted, 0);
console.log(JSON.stringify({ changed, migrations: migrations.map(({ name }) => name), inserted }));
