import { bootstrapDatabase } from 'casbin-bootstrap';
import pg from 'pg';
import { DataSource } from 'typeorm';
import { options } from '../options.js';
import { invoices } from './data-source.js';

const url = process.env.DATABASE_URL;
const dataSource = new DataSource({ type: 'postgres', url, entities: [invoices], synchronize: true });
const pool = new pg.Pool({ connectionString: url });
try {
  await dataSource.initialize(); // synchronizes
  await bootstrapDatabase(pool, options);
} finally {
  await pool.end();
  if (dataSource.isInitialized) await dataSource.destroy();
}
