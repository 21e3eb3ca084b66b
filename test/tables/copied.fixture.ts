import type pg from 'pg';
import { bootstrapDatabase, createAdapter } from '../../src/index.ts';
import { createDatabase } from '../support/database.ts';
import { invoices as policy } from './invoices.fixture.ts';

export const DOCUMENT = { name: 'casbin', layout: 'document' } as const;

export const COLUMNS = { name: 'casbin_rule', layout: 'columns' } as const;

/** A database in which somebody has worked on a bootstrapped policy. */
export async function createUsed(table: typeof DOCUMENT | typeof COLUMNS): Promise<pg.Pool> {
  const pool = (await createDatabase()).pool({ max: 2 });
  await bootstrapDatabase(pool, { policy, table, seeders: [] });
  const adapter = createAdapter(pool, { table });
  await adapter.addPolicy('g', 'g', ['alice', 'clerk']);
  await adapter.addPolicy('p', 'p', ['bob', 'payroll', 'read']);
  return pool;
}

export async function rulesIn(pool: pg.Pool, table: string): Promise<string[][]> {
  const { rows } = await pool.query(`select * from ${table} order by id`);
  return rows.map(({ ptype, rule, v0, v1, v2 }) => [
    ptype,
    ...(rule ?? [v0, v1, v2].filter((v) => v !== null)),
  ]);
}
