import type pg from 'pg';
import { onTestFinished } from 'vitest';
import {
  createLiveEnforcer,
  type LiveEnforcer,
  type LiveEnforcerOptions,
  type PolicyChange,
} from '../../src/index.ts';
import { createBootstrapped } from '../bootstrap/bootstrapped.fixture.ts';
import type { TestDatabase } from '../support/database.ts';

/** So rarely that nothing is found by it. */
export const NEVER_MS = 2_000_000;

/** A live enforcer of the database, what it has told, and the errors that it has reported. */
export async function follow(
  database: TestDatabase,
  options: LiveEnforcerOptions = {},
  pool = database.pool(),
): Promise<{ live: LiveEnforcer; changes: PolicyChange[]; errors: Error[] }> {
  const changes: PolicyChange[] = [];
  const errors: Error[] = [];
  const live = await createLiveEnforcer(pool, {
    pollIntervalMs: NEVER_MS,
    onChange: (change) => changes.push(change),
    onError: (error) => errors.push(error),
    ...options,
  });
  onTestFinished(() => live.close());
  return { live, changes, errors };
}

/** The same in a new database with a journal. */
export async function openJournaled(options: LiveEnforcerOptions = {}) {
  const database = await createBootstrapped({ seeders: [], journal: true });
  return { database, ...(await follow(database, options)) };
}

/** The same pool; after each answer it does more, before it gives it. */
export function withMore(pool: pg.Pool, more: () => Promise<unknown>): pg.Pool {
  return {
    async connect() {
      const client = await pool.connect();
      const query = client.query.bind(client) as (...given: unknown[]) => Promise<unknown>;
      return Object.assign(client, {
        async query(...given: unknown[]) {
          const answer = await query(...given);
          await more();
          return answer;
        },
      });
    },
  } as pg.Pool;
}
