// Starts once, in a process that has not done so before, and prints how long that took. The first argument is the URL
// of a database where nothing is missing; the second one, if given, is what to send by hand instead of a start.
import { bootstrapDatabase } from 'casbin-bootstrap';
import pg from 'pg';
import { replay } from '../peers/replay.js';

const [url, statements] = process.argv.slice(2);
const pool = new pg.Pool({ connectionString: url, max: 1 });
await pool.query('select 1');
const started = performance.now();
if (statements === undefined) await bootstrapDatabase(pool);
else await replay(pool, JSON.parse(statements));
console.log(JSON.stringify({ ms: performance.now() - started }));
await pool.end();
