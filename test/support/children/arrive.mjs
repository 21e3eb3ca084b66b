import { BootstrapError } from 'casbin-bootstrap';
import pg from 'pg';
import { whenAllReady } from './barrier.mjs';

const client = new pg.Client(process.env.DATABASE_URL);
await client.connect();
await client.query('insert into arrival values ($1)', [process.env.PROCESS_INDEX]);
await whenAllReady();
const { rows } = await client.query('select count(*)::int as arrived from arrival');
await client.end();
console.log(
  JSON.stringify({ arrived: rows[0].arrived, library: BootstrapError.name, args: process.argv.slice(2) }),
);
