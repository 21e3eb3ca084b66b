// Bootstraps together with others, and prints from when to when.
import { bootstrapDatabase } from 'casbin-bootstrap';
import pg from 'pg';
import { clock, whenAllReady } from './barrier.js';

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 1 });
await whenAllReady();
const from = clock();
const { changed } = await bootstrapDatabase(pool);
const to = clock();
await pool.end();
console.log(JSON.stringify({ from, to, changed }));
