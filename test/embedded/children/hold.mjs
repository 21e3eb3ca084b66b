import { createEmbeddedPool } from 'casbin-bootstrap/embedded';

// commits one row, leaves a second in an open transaction, and keeps the database until it is killed
const pool = createEmbeddedPool({ dataDir: process.argv[2] });
const client = await pool.connect();
await client.query('create table visit (pid int)');
await client.query('insert into visit values (1)');
await client.query('begin');
await client.query('insert into visit values (2)');
process.stdin.resume();
process.stdout.write('ready\n');
