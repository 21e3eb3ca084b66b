import { bootstrapDatabase } from 'casbin-bootstrap';
import pg from 'pg';
import { options } from './options.js';

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 1 });
try {
  const { changed, verification } = await bootstrapDatabase(pool, options);
  console.log(`${changed ? 'bootstrapped' : 'nothing to do'}, ${verification.checks} decisions verified`);
} finally {
  await pool.end();
}
