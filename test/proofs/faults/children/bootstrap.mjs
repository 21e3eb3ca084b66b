import { bootstrapDatabase } from 'casbin-bootstrap';
import pg from 'pg';

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 1 });
await bootstrapDatabase(pool, JSON.parse(process.env.OPTIONS));
await pool.end();
