import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { changeDatabase } from '../../src/cli/change-database.ts';
import { bootstrapDatabase } from '../../src/index.ts';
import { SIMULATED, simulate } from '../engines/engines.fixture.ts';
import { createDatabase } from '../support/database.ts';
import { openWire } from '../support/wire.ts';

const OPTIONS = { policy: { rules: [['p', 'clerk', 'invoices', 'read']] }, seeders: [] };
const CAROL = { assign: [['carol', 'clerk']] } as const;
const BY = { actor: 'jane' };

describe('a change of the command line', () => {
  test.each([
    [{}, '30s'],
    [{ lockTimeoutMs: 1234 }, '1234ms'],
  ])(
    'limits its own waits for locks only, not those of the next user of the connection: %o',
    async (limit, told) => {
      const pool = (await createDatabase()).pool({ max: 1 });
      await bootstrapDatabase(pool, OPTIONS);
      await pool.query(`alter table casbin add column limited text default current_setting('lock_timeout')`);
      const before = await pool.query('show lock_timeout');
      await changeDatabase(pool, CAROL, { ...BY, ...limit });
      expect((await pool.query('show lock_timeout')).rows).toEqual(before.rows);
      const { rows } = await pool.query(`select limited from casbin where rule ? 'carol'`);
      expect(rows).toEqual([{ limited: told }]);
    },
  );

  test('waits for a lock as long as lockTimeoutMs says, longer than for other answers of the server', async () => {
    const database = await createDatabase();
    await bootstrapDatabase(database.pool(), OPTIONS);
    const other = await database.pool().connect();
    await other.query('begin; lock table casbin');
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    const changed = changeDatabase(database.pool({ max: 1 }), CAROL, { ...BY, lockTimeoutMs: 3_600_000 });
    const waiting =
      'select from pg_locks where not granted and database = (select oid from pg_database where datname = current_database())';
    await vi.waitUntil(async () => (await other.query(waiting)).rowCount === 1);
    await vi.advanceTimersByTimeAsync(3_600_000);
    await other.query('rollback');
    other.release();
    await expect(changed).resolves.toMatchObject({ added: [['g', 'carol', 'clerk']] });
  });

  test('says that its outcome is unknown if the connection is lost at the commit', async () => {
    const database = await createDatabase();
    await bootstrapDatabase(database.pool(), OPTIONS);
    await using wire = await openWire(database.url);
    const pool = database.pool({ connectionString: wire.url });
    wire.cutOn(/^commit$/, 'after');
    await expect(changeDatabase(pool, CAROL, BY)).rejects.toMatchObject({
      code: 'OUTCOME_UNKNOWN',
      message: expect.stringContaining('Try again, which is safe in both cases.'),
    });
    await expect(changeDatabase(pool, CAROL, BY)).resolves.toMatchObject({ added: [] });
  });

  test.each(SIMULATED)('is made on %s too', async (name) => {
    await using simulation = await simulate(name);
    const { pool, options } = simulation;
    await bootstrapDatabase(pool, { ...OPTIONS, ...options });
    await expect(changeDatabase(pool, CAROL, BY)).resolves.toMatchObject({
      added: [['g', 'carol', 'clerk']],
    });
  });
});
