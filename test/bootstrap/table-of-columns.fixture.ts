import type pg from 'pg';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { invoices as policy } from '../tables/invoices.fixture.ts';
import { createStockTable } from '../tables/stock-tables.fixture.ts';

export const OPTIONS = { policy, seeders: [] };

export const DEFINED = [
  ['p', 'viewer', 'invoices', 'read'],
  ['p', 'clerk', 'invoices', 'write'],
  ['g', 'clerk', 'viewer', null],
];

export async function createWithTable(): Promise<{ database: TestDatabase; pool: pg.Pool }> {
  const database = await createDatabase();
  const pool = database.pool();
  await createStockTable(pool, 'typeorm-adapter');
  return { database, pool };
}

export async function insert(pool: pg.Pool, ...rules: readonly (readonly (string | null)[])[]) {
  for (const rule of rules)
    await pool.query('insert into casbin_rule (ptype, v0, v1, v2) values ($1, $2, $3, $4)', [...rule]);
}

export async function idsOf(pool: pg.Pool): Promise<number[]> {
  const { rows } = await pool.query('select id from casbin_rule order by id');
  return rows.map(({ id }) => id);
}
