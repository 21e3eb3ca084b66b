import { bootstrapDatabase } from 'casbin-bootstrap';
import Knex from 'knex';
import pg from 'pg';
import { options } from '../options.js';
import config from './knexfile.js';

const knex = Knex(config);
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL });
try {
  await knex.migrate.latest();
  await bootstrapDatabase(pool, options);
} finally {
  await pool.end();
  await knex.destroy();
}
