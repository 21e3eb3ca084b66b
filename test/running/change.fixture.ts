import type pg from 'pg';
import { definePolicy } from '../../src/index.ts';
import { createBootstrapped } from '../bootstrap/bootstrapped.fixture.ts';
import type { LayoutFixture } from '../tables/layouts.fixture.ts';

export const policy = definePolicy({
  roles: {
    clerk: { permissions: { invoices: ['read'] } },
    accountant: { inherits: ['clerk'], permissions: { invoices: ['write', 'delete'] } },
  },
  never: [['clerk', 'invoices', 'delete']],
});

export const BY = { actor: 'root', reason: 'ticket 7' } as const;

/** A bootstrapped database with a journal, and a client for its changes. */
export async function openForChanges(layout: LayoutFixture) {
  const given = { ...layout.options, policy };
  const database = await createBootstrapped({ ...given, seeders: [], journal: true });
  const pool = database.pool();
  const client = await pool.connect();
  const stored = async (on: pg.Pool | pg.ClientBase = client) => {
    const { rows } = await on.query(`select ${layout.first} as first from ${layout.table} order by id`);
    return rows.map(({ first }) => first);
  };
  return {
    pool,
    client,
    options: { ...given, ...BY },
    stored,
    [Symbol.asyncDispose]: async () => client.release(),
  };
}
