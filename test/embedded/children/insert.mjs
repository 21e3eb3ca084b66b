import { createEmbeddedPool } from 'casbin-bootstrap/embedded';
import { whenAllReady } from '../../support/children/barrier.mjs';

// adds a row to the database in a folder and prints how many there are
await whenAllReady();
const pool = createEmbeddedPool({ dataDir: process.argv[2] });
const client = await pool.connect();
await client.query('create table if not exists visit (pid int)');
await client.query('insert into visit values ($1)', [process.pid]);
const { rows } = await client.query('select count(*)::int as visits from visit');
client.release();
await pool.end();
console.log(rows[0].visits);
