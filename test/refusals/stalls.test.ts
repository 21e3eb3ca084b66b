import { setImmediate } from 'node:timers/promises';
import { sql } from 'kysely';
import type pg from 'pg';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { bootstrapDatabase } from '../../src/bootstrap.ts';
import { createEnforcer } from '../../src/create-enforcer.ts';
import type { Seeder } from '../../src/seeding/seeder.ts';
import { createAdapter } from '../../src/tables/adapter.ts';
import { verifyDatabase } from '../../src/verify-database.ts';
import { createBootstrapped } from '../bootstrap/bootstrapped.fixture.ts';
import { untilBlocked } from '../bootstrap/database-state.fixture.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { PoolWatch } from '../support/pool-watch.ts';
import { startServer } from '../support/server.ts';
import { openWire } from '../support/wire.ts';
import { failureOf } from './refusal.fixture.ts';

/** Longer than a statement takes on a busy machine. An answer is waited for twice as long as a statement may take. */
const SHORT = { statementTimeoutMs: 1_500, lockTimeoutMs: 1_500, idleInTransactionTimeoutMs: 2_500 };

/** Whoever was stalled keeps its lock until the server gives it up. */
const PATIENT = { lockTimeoutMs: 20_000 };

async function expectFree(database: TestDatabase): Promise<void> {
  await expect(bootstrapDatabase(database.pool(), PATIENT)).resolves.toBeDefined();
  const { rows } = await database.pool().query('select count(*)::int as rules from casbin');
  expect(rows).toEqual([{ rules: 16 }]);
}

/** Pools that go through a wire are ended before it is closed. */
async function throughWire<T>(
  database: TestDatabase,
  work: (pool: pg.Pool, wire: Awaited<ReturnType<typeof openWire>>) => Promise<T>,
): Promise<T> {
  await using wire = await openWire(database.url);
  const pool = database.pool({ connectionString: wire.url });
  const result = await work(pool, wire);
  await pool.end();
  return result;
}

describe.concurrent('a server that stops answering', () => {
  test.for([
    [/^begin .*read only/, 'the look at what is there'],
    [/select .*casbin_bootstrap_migration/, 'the look at what is there'],
    [/^begin .*read write/, 'the look at what is there'],
    [/ as application\b/, 'the beginning of the write transaction'],
    [/pg_advisory_xact_lock\(/, 'the lock of the bootstrap'],
    [/create table .*casbin/, 'the migrations'],
    [/insert into public\.casbin/, 'seeder "rbac"'],
    [/insert into "providers"/, 'seeder "providers"'],
    [/set constraints all immediate/, 'the verification'],
    [/pg_notify/, 'the verification'],
  ] as const)(
    'is given up, and its lock is free again: at %s',
    async ([statement, activity], { onTestFinished }) => {
      const database = await createDatabase(onTestFinished);
      for (const moment of ['before', 'after'] as const) {
        await throughWire(database, async (pool, wire) => {
          wire.stallOn(statement, moment);
          const error = await failureOf(() => bootstrapDatabase(pool, SHORT));
          expect(wire.stalls).toBe(1);
          expect(error).toMatchObject({ name: 'ConnectionError', code: 'CONNECTION_LOST' });
          expect(error.message).toContain(`the server did not answer within 3000 ms (${activity}`);
          expect(error.message).toContain('Nothing was changed. Run it again; if it fails again');
          expect(pool.totalCount, 'the client is not kept').toBe(0);
        });
        const { rows } = await database.pool().query("select to_regclass('casbin') as casbin");
        expect(rows).toEqual([{ casbin: null }]);
      }
      await expectFree(database);
    },
  );

  test.for(['before', 'after'] as const)(
    '%s the commit leaves the outcome unknown',
    async (moment, { onTestFinished }) => {
      const database = await createDatabase(onTestFinished);
      await throughWire(database, async (pool, wire) => {
        const seed: Seeder['seed'] = async () => {
          wire.stallOn(/^commit/, moment);
          return { inserted: 0, existing: 0 };
        };
        const error = await failureOf(() =>
          bootstrapDatabase(pool, { ...SHORT, seeders: [{ name: 'stalling', seed }] }),
        );
        expect(error).toMatchObject({ name: 'ConnectionError', code: 'OUTCOME_UNKNOWN' });
        expect(error.message).toContain('did not answer within 3000 ms (the commit)');
      });
      await expectFree(database);
    },
  );

  test('is given up by a verification', async ({ onTestFinished }) => {
    const database = await createBootstrapped({}, onTestFinished);
    await throughWire(database, async (pool, wire) => {
      wire.stallOn(/from .*casbin/, 'after');
      const error = await failureOf(() => verifyDatabase(pool, SHORT));
      expect(error).toMatchObject({ code: 'CONNECTION_LOST' });
      expect(error.message).toContain('(the verification)');
    });
  });

  test('while a lock is waited for is given up a while after the lock timeout', async ({
    onTestFinished,
  }) => {
    const database = await createDatabase(onTestFinished);
    await throughWire(database, async (pool, wire) => {
      wire.stallOn(/pg_advisory_xact_lock\(/, 'after');
      const error = await failureOf(() =>
        bootstrapDatabase(pool, { ...SHORT, lockTimeoutMs: 1_500, statementTimeoutMs: 60_000 }),
      );
      expect(error.message).toContain('did not answer within 3000 ms (the lock of the bootstrap)');
    });
  });
});

test('no timer outlives a bootstrap or a verification, and no client is kept', async () => {
  const database = await createDatabase(onTestFinished);
  const pool = database.pool({ max: 1, idleTimeoutMillis: 0 });
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
  onTestFinished(() => void vi.useRealTimers());
  await bootstrapDatabase(pool);
  await verifyDatabase(pool);
  expect(vi.getTimerCount()).toBe(0);
  expect(pool.idleCount).toBe(1);
});

describe('without statementTimeoutMs', () => {
  /** Ten minutes go by at once. */
  async function afterTenMinutes<T>(ready: () => Promise<unknown>, work: () => Promise<T>): Promise<T> {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    const result = work();
    result.catch(() => {});
    await ready();
    await vi.advanceTimersByTimeAsync(610_000);
    vi.useRealTimers();
    return result;
  }

  async function untilStalled(wire: { readonly stalls: number }) {
    while (wire.stalls === 0) await setImmediate();
  }

  test('a server that stops answering is given up after ten minutes', async ({ onTestFinished }) => {
    const database = await createDatabase(onTestFinished);
    await throughWire(database, async (pool, wire) => {
      wire.stallOn(/set constraints/, 'before');
      const error = await failureOf(() =>
        afterTenMinutes(
          () => untilStalled(wire),
          () => bootstrapDatabase(pool),
        ),
      );
      expect(error).toMatchObject({ code: 'CONNECTION_LOST' });
      expect(error.message).toContain('did not answer within 610000 ms (the verification)');
    });
  });

  test('an adapter on a pool gives it up too', async ({ onTestFinished }) => {
    const database = await createBootstrapped({}, onTestFinished);
    await throughWire(database, async (pool, wire) => {
      wire.stallOn(/insert into/, 'after');
      const adding = afterTenMinutes(
        () => untilStalled(wire),
        () => createAdapter(pool).addPolicy('p', 'p', ['eve', 'data', 'read']),
      );
      await expect(adding).rejects.toThrow('the server did not answer within 610000 ms');
      expect(pool.totalCount).toBe(0);
    });
  });

  test('a commit that waits for a synchronous standby leaves the outcome unknown', async ({
    onTestFinished,
  }) => {
    await using server = await startServer();
    const pool = new PoolWatch({ connectionString: server.url() }).pool;
    onTestFinished(() => pool.end());
    await pool.query("alter system set synchronous_standby_names = 'missing'");
    await pool.query('select pg_reload_conf()');
    const waiting = async () => {
      for (;;) {
        const { rows } = await pool.query("select from pg_stat_activity where wait_event = 'SyncRep'");
        if (rows.length > 0) return;
      }
    };
    const bootstrapping = new PoolWatch({ connectionString: server.url() }).pool;
    const error = await failureOf(() => afterTenMinutes(waiting, () => bootstrapDatabase(bootstrapping)));
    expect(error).toMatchObject({ code: 'OUTCOME_UNKNOWN' });
    await bootstrapping.end();
  });
});

describe.concurrent('a wait for another bootstrap', () => {
  test("is not ended by the pool's query_timeout", async ({ onTestFinished }) => {
    const database = await createDatabase(onTestFinished);
    const holder = await database.pool().connect();
    await holder.query('begin');
    await holder.query(`select pg_advisory_xact_lock(${0x6373626e}, hashtext('public'))`);
    const bootstrap = bootstrapDatabase(database.pool({ query_timeout: 100 }));
    await untilBlocked(database.pool());
    await holder.query('select pg_sleep(0.4)');
    await holder.query('rollback');
    holder.release();
    await expect(bootstrap).resolves.toMatchObject({ changed: true });
  });

  test('outlasts statementTimeoutMs, and has no end with lockTimeoutMs: 0', async ({ onTestFinished }) => {
    const database = await createDatabase(onTestFinished);
    const holder = await database.pool().connect();
    await holder.query('begin');
    await holder.query(`select pg_advisory_xact_lock(${0x6373626e}, hashtext('public'))`);
    const bootstrap = bootstrapDatabase(database.pool(), { statementTimeoutMs: 1_000, lockTimeoutMs: 0 });
    await untilBlocked(database.pool());
    // Longer than a statement may take, and than its answer is waited for.
    await holder.query('select pg_sleep(2.5)');
    await holder.query('rollback');
    holder.release();
    await expect(bootstrap).resolves.toMatchObject({ changed: true });
  });
});

describe.concurrent('a pool whose clients are all in use', () => {
  test('is reported, and a client that comes later is returned', async ({ onTestFinished }) => {
    const database = await createDatabase(onTestFinished);
    const pool = database.pool({ max: 1 });
    const client = await pool.connect();
    const error = await failureOf(() => bootstrapDatabase(pool, { connectTimeoutMs: 100 }));
    expect(error).toMatchObject({ name: 'ConnectionError', code: 'CONNECTION_FAILED' });
    expect(error.message).toMatch(
      /^No connection to the database: no client of the pool became free within 100 ms\. All of its clients are in use\. /,
    );
    client.release();
    await expect(bootstrapDatabase(pool), 'the pool can be used').resolves.toBeDefined();
    expect(pool.idleCount).toBe(1);
  });

  test('is reported also for a pool that does not say how many wait', async () => {
    const stuck = { connect: () => new Promise<never>(() => {}) };
    const error = await failureOf(() => bootstrapDatabase(stuck, { connectTimeoutMs: 50 }));
    expect(error.message).toContain('All of its clients may be in use, or the server may not answer.');
    const verifying = await failureOf(() => verifyDatabase(stuck, { connectTimeoutMs: 50 }));
    expect(verifying).toMatchObject({ code: 'CONNECTION_FAILED' });
    const loading = await failureOf(() => createEnforcer(stuck, { connectTimeoutMs: 50 }));
    expect(loading).toMatchObject({ code: 'CONNECTION_FAILED' });
  });

  test('by a seeder that waits for another client of it ends in an error', async ({ onTestFinished }) => {
    const database = await createDatabase(onTestFinished);
    const pool = database.pool({ max: 1 });
    let later: Promise<unknown> = Promise.resolve();
    const selfish: Seeder = {
      name: 'selfish',
      async seed() {
        later = pool.query('select 1');
        await later;
        return { inserted: 0, existing: 0 };
      },
    };
    const error = await failureOf(() => bootstrapDatabase(pool, { ...SHORT, seeders: [selfish] }));
    expect(error).toMatchObject({ code: 'CONNECTION_LOST' });
    expect(error.message).toContain('idle-in-transaction timeout');
    expect(error.message).toContain('must not wait for another client of the same pool');
    await later;
    await expectFree(database);
  });
});

describe.concurrent('a transaction that waits for its client', () => {
  test('and is cut off during the wait is reported as a lost connection', async ({ onTestFinished }) => {
    const database = await createDatabase(onTestFinished);
    await throughWire(database, async (pool, wire) => {
      const waiting: Seeder = {
        name: 'waiting',
        async seed({ db }) {
          wire.cutOn(/select 1 as cut/, 'before');
          sql`select 1 as cut`.execute(db).catch(() => {});
          return new Promise<never>(() => {});
        },
      };
      const error = await failureOf(() => bootstrapDatabase(pool, { seeders: [waiting] }));
      expect(error).toMatchObject({ name: 'ConnectionError', code: 'CONNECTION_LOST' });
      expect(error.message).toContain('Connection terminated unexpectedly');
    });
  });

  test('is ended, so that the next bootstrap gets its lock', async ({ onTestFinished }) => {
    const database = await createDatabase(onTestFinished);
    let inSeeder: () => void = () => {};
    const entered = new Promise<void>((resolve) => {
      inSeeder = resolve;
    });
    const idle: Seeder = {
      name: 'idle',
      async seed({ db }) {
        await sql`select 1`.execute(db);
        inSeeder();
        return new Promise<never>(() => {});
      },
    };
    const first = failureOf(() => bootstrapDatabase(database.pool(), { ...SHORT, seeders: [idle] }));
    await entered;
    await expectFree(database);
    const error = await first;
    expect(error).toMatchObject({ code: 'CONNECTION_LOST' });
    expect(error.message).toContain('Raise idleInTransactionTimeoutMs');
  });

  test('is not ended while a long verification computes', async ({ onTestFinished }) => {
    const database = await createDatabase(onTestFinished);
    const report = await bootstrapDatabase(database.pool(), {
      idleInTransactionTimeoutMs: 3_000,
      configureEnforcer: (enforcer) => {
        let blockedMs = 0;
        const manager: object = enforcer.getRoleManager();
        const hasLink: (...names: string[]) => boolean = Reflect.get(manager, 'syncedHasLink').bind(manager);
        Reflect.set(manager, 'syncedHasLink', (...names: string[]) => {
          // Keeps the process from everything else, as a computation does, but leaves the CPU to others.
          if (blockedMs < 3_500) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 25);
          blockedMs += 25;
          return hasLink(...names);
        });
      },
    });
    expect(report.verification.ok).toBe(true);
    expect(report.verification.durationMs, 'the test is one').toBeGreaterThan(3_000);
  });
});
