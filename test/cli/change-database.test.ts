import { describe, expect, test } from 'vitest';
import { changeDatabase } from '../../src/cli/change-database.ts';
import { bootstrapDatabase } from '../../src/index.ts';
import { SIMULATED, simulate } from '../engines/engines.fixture.ts';
import { createDatabase } from '../support/database.ts';
import { openWire } from '../support/wire.ts';

const OPTIONS = { policy: { rules: [['p', 'clerk', 'invoices', 'read']] }, seeders: [] };
const CAROL = { assign: [['carol', 'clerk']] } as const;
const BY = { actor: 'jane' };

describe('a change of the command line', () => {
  test('limits its own waits for locks only, not those of the next user of the connection', async () => {
    const pool = (await createDatabase()).pool({ max: 1 });
    await bootstrapDatabase(pool, OPTIONS);
    const before = await pool.query('show lock_timeout');
    await changeDatabase(pool, CAROL, { ...BY, lockTimeoutMs: 1234 });
    expect((await pool.query('show lock_timeout')).rows).toEqual(before.rows);
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
