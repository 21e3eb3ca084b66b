import { describe, expect, onTestFinished, test } from 'vitest';
import { createEmbeddedPool } from '../../src/embedded/index.ts';
import {
  bootstrapDatabase,
  createLiveEnforcer,
  definePolicy,
  type LiveEnforcerOptions,
} from '../../src/index.ts';
import { STARTS_PGLITE } from './timeout.ts';

const policy = definePolicy({ roles: { clerk: { permissions: { invoices: ['read'] } } } });

async function follow({ journal, ...options }: LiveEnforcerOptions & { journal: boolean }) {
  const pool = createEmbeddedPool();
  onTestFinished(() => pool.end());
  await bootstrapDatabase(pool, { policy, seeders: [], journal });
  const live = await createLiveEnforcer(pool, options);
  onTestFinished(() => live.close());
  return { pool, live };
}

describe('a live enforcer of an embedded database', STARTS_PGLITE, () => {
  test.each([true, false])(
    'follows it, and leaves its session to others; with a journal: %s',
    async (journal) => {
      const errors: Error[] = [];
      const { pool, live } = await follow({ journal, onError: (error) => errors.push(error) });
      const mayRead = (name: string) => live.enforce(name, 'invoices', 'read');
      expect([await mayRead('clerk'), await mayRead('carol')]).toEqual([true, false]);

      await pool.query(`insert into casbin (ptype, rule) values ('g', '["carol", "clerk"]')`);
      await expect.poll(() => mayRead('carol')).toBe(true);
      await pool.query(`delete from casbin where ptype = 'g'`);
      await live.caughtUp();
      expect(await mayRead('carol')).toBe(false);
      expect(await live.addRoleForUser('dave', 'clerk')).toBe(true);
      expect(await mayRead('dave')).toBe(true);
      expect(errors).toEqual([]);
    },
  );

  test('stays current while nobody uses it', async () => {
    const { live } = await follow({ journal: true, maxStalenessMs: 10_000, pollIntervalMs: 50 });
    const { confirmedAt } = live.state;

    await expect.poll(() => live.state.confirmedAt.getTime()).toBeGreaterThan(confirmedAt.getTime());
    expect(live.state.status).toBe('current');
  });
});
