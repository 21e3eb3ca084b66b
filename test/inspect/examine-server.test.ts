import { describe, expect, onTestFinished, test } from 'vitest';
import { examineDatabase, type PoolLike } from '../../src/index.ts';
import { createDatabase } from '../support/database.ts';
import { pgBouncerProgram, startPgBouncer } from '../support/pgbouncer.ts';
import { openWire } from '../support/wire.ts';
import { bootstrapped, fault, OPTIONS } from './examined.fixture.ts';

describe('an examination', () => {
  describe.skipIf(pgBouncerProgram === undefined)('finds a pooler between the client and the server', () => {
    async function examineBehind(poolMode: 'session' | 'transaction' | 'statement', max: number) {
      const { database } = await bootstrapped();
      const bouncer = await startPgBouncer(database.url, 3, poolMode);
      onTestFinished(() => bouncer[Symbol.asyncDispose]());
      const report = await examineDatabase(database.pool({ connectionString: bouncer.url, max }), OPTIONS);
      const pool = database.pool();
      const countOpen = async () => {
        const { rowCount } = await pool.query(
          `select from pg_stat_activity where datname = current_database() and state = 'idle in transaction'`,
        );
        return rowCount;
      };
      // In statement mode, the pooler closes the connection by itself, a moment later.
      await expect.poll(countOpen, { message: 'transactions that stay open' }).toBe(0);
      return report;
    }

    test.each([
      ['transaction', /through a pooler in transaction mode\. .* pollIntervalMs/],
      ['session', /through a pooler in session mode, as far as can be told/],
    ] as const)('in %s mode, which is fine', async (mode, message) => {
      const { ok, findings } = await examineBehind(mode, 2);
      expect(findings[1]).toEqual(fault('connection', 'fine', message));
      expect(ok).toBe(true);
    });

    test('in statement mode, which is not, with the remedy and nothing after it', async () => {
      const { ok, findings } = await examineBehind('statement', 2);
      expect(findings[1]).toEqual(
        fault('connection', 'failure', /statement mode, .*Set pool_mode = transaction/),
      );
      expect(findings).toHaveLength(2);
      expect(ok).toBe(false);
    });

    test('in a mode that a pool of one connection can not tell', async () => {
      const { findings } = await examineBehind('transaction', 1);
      expect(findings[1]).toEqual(fault('connection', 'fine', /through a pooler\. It needs pool_mode/));
    });
  });

  test('says that the connection was lost while it looked for the mode of a pooler', async () => {
    const { database } = await bootstrapped();
    await using wire = await openWire(database.url);
    const pool = database.pool({ connectionString: wire.url });
    // A pooler gives its clients process ids of its own.
    pool.on('connect', (client) => Object.assign(client, { processID: -1 }));
    wire.cutOn(/^begin$/, 'before');
    await expect(examineDatabase(pool, OPTIONS)).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
    expect(wire.cuts).toBe(1);
  });

  test('names the role that the session works as, not the one that logged in', async () => {
    const { database } = await bootstrapped();
    const { name } = await database.createRole();
    const { findings } = await examineDatabase(database.pool({ options: `-c role=${name}` }), OPTIONS);
    expect(findings[1]).toEqual(fault('connection', 'fine', new RegExp(` as ${name}\\.$`)));
  });

  test('leaves nothing with the pool, however often it is called', async () => {
    const { pool } = await bootstrapped();
    await examineDatabase(pool, OPTIONS);
    const before = pool.listenerCount('acquire');
    await examineDatabase(pool, OPTIONS);
    expect(pool.listenerCount('acquire')).toBe(before);
  });

  test('waits for a client of the pool as long as it was told', async () => {
    const pool = (await createDatabase()).pool({ max: 1 });
    const client = await pool.connect();
    await expect(examineDatabase(pool, { ...OPTIONS, connectTimeoutMs: 50 })).rejects.toMatchObject({
      code: 'CONNECTION_FAILED',
      message: expect.stringContaining('within 50 ms'),
    });
    client.release();
  });

  test('is not possible without a connection, or with wrong options', async () => {
    const nobody: PoolLike = { connect: () => Promise.reject(new Error('connect ECONNREFUSED 127.0.0.1:1')) };
    await expect(examineDatabase(nobody, OPTIONS)).rejects.toMatchObject({ code: 'CONNECTION_FAILED' });
    await expect(examineDatabase(nobody, { schema: '' })).rejects.toMatchObject({ code: 'INVALID_OPTIONS' });
  });
});
