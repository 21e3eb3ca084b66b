import { expect } from 'vitest';
import {
  type BootstrapOptions,
  bootstrapDatabase,
  type DatabaseFinding,
  definePolicy,
  examineDatabase,
  type PoolLike,
} from '../../src/index.ts';
import { createDatabase } from '../support/database.ts';

export const POLICY = definePolicy({
  roles: {
    viewer: { permissions: { invoices: ['read'] } },
    clerk: { inherits: ['viewer'] },
  },
});
export const OPTIONS = { policy: POLICY, seeders: [] };

export async function bootstrapped(options: BootstrapOptions = OPTIONS) {
  const database = await createDatabase();
  const pool = database.pool();
  await bootstrapDatabase(pool, options);
  return { database, pool };
}

/** What is not fine. */
export async function faults(
  pool: PoolLike,
  options: BootstrapOptions = OPTIONS,
): Promise<DatabaseFinding[]> {
  const { findings } = await examineDatabase(pool, options);
  return findings.filter(({ status }) => status !== 'fine');
}

export const fault = (check: string, status: string, message: RegExp, remedies: unknown[] = []) => ({
  check,
  status,
  message: expect.stringMatching(message),
  remedies,
});
