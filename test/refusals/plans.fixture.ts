import { expect } from 'vitest';
import { rowSeeder } from '../../src/seeding/row-seeder.ts';
import { createBootstrapped } from '../bootstrap/bootstrapped.fixture.ts';
import { refusalOf } from './refusal.fixture.ts';

export type Rows = readonly Record<string, unknown>[];

export function plans(rows: Rows, { table = 'plans', key = 'id' } = {}) {
  return { policy: null, verify: false, seeders: [rowSeeder({ name: 'plans', table, key, rows })] } as const;
}

/** What a bootstrap with these rows is refused with, on a table that was made before. */
export async function refusalWith(ddl: string, rows: Rows, where: { table?: string; key?: string } = {}) {
  const database = await createBootstrapped({ policy: null, verify: false, seeders: [] });
  await database.pool().query(ddl);
  const error = await refusalOf(database, plans(rows, where));
  expect(error).toMatchObject({ name: 'SeederError', code: 'SEEDER_FAILED', seeder: 'plans' });
  return error;
}

export const REMEDY = 'Correct the rows, or change the table by a migration. Nothing was changed.';
