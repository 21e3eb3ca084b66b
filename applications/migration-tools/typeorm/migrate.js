import { bootstrapDatabase } from 'casbin-bootstrap';
import pg from 'pg';
import { options } from '../options.js';
import dataSource from './data-source.js';

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL });
try {
  await dataSource.initialize();
  await dataSource.runMigrations();
  await bootstrapDatabase(pool, options);
} finally {
  await pool.end();
  if (dataSource.isInitialized) await dataSource.destroy();
}
