import { setTimeout } from 'node:timers/promises';
import type pg from 'pg';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { bootstrapDatabase, createLiveEnforcer, type LiveEnforcerOptions } from '../../src/index.ts';
import { createBootstrapped } from '../bootstrap/bootstrapped.fixture.ts';
import { createDatabase } from '../support/database.ts';
import { runProcesses } from '../support/processes.ts';
import { follow, NEVER_MS, openJournaled, withMore } from './live.fixture.ts';

/** Whether somebody waits for a lock of the client. */
async function isWaitedFor(client: pg.ClientBase): Promise<boolean> {
  const { rows } = await client.query(
    `select exists (select from pg_stat_activity where pg_backend_pid() = any(pg_blocking_pids(pid))) as waited`,
  );
  return rows[0].waited;
}

/** How late an answer comes. */
const LATE_MS = 500;

describe('a live enforcer', () => {
  test('connects again when its connection is lost, and has the changes since then', async () => {
    const database = await createBootstrapped({ seeders: [], journal: true });
    const pool = database.pool();
    const { live, errors } = await follow(database, {}, database.pool({ application_name: 'live' }));

    const { rows } = await pool.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where application_name = 'live' and datname = current_database()`,
    );
    await pool.query(`insert into casbin (ptype, rule) values ('g', '["alice", "user"]')`);

    expect(rows).toHaveLength(1);
    await expect.poll(() => live.enforceSync('alice', 'accounts', 'read')).toBe(true);
    expect(errors.length).toBeGreaterThan(0);
    await live.caughtUp();
    expect(live.state).toMatchObject({ status: 'current', error: null });
  });

  test("is stale when it can't confirm, and then denies under whenStale: deny", async () => {
    const { live, database, errors } = await openJournaled({
      maxStalenessMs: 3_000,
      whenStale: 'deny',
      pollIntervalMs: 100,
    });
    expect(live.enforceSync('admin', 'accounts', 'read')).toBe(true);
    const blocker = await database.pool().connect();
    await blocker.query('begin; lock table casbin_bootstrap_journal in access exclusive mode');
    await expect.poll(() => live.state.status).toBe('stale');
    expect([
      live.enforceSync('admin', 'accounts', 'read'),
      await live.enforce('admin', 'accounts', 'read'),
      await live.enforceEx('admin', 'accounts', 'read'),
      await live.batchEnforce([['admin', 'accounts', 'read']]),
    ]).toEqual([false, false, [false, []], [false]]);
    await expect.poll(() => errors).toMatchObject([{ code: 'ENFORCER_STALE' }]);
    await blocker.query('rollback');
    // The look that was blocked confirms only what was so when it began, which may be too long ago.
    await live.caughtUp();
    expect(live.state.status).toBe('current');
    const reported = errors.length;
    await blocker.query('begin; lock table casbin_bootstrap_journal in access exclusive mode');
    await expect.poll(() => errors.length).toBeGreaterThan(reported);
    await blocker.query('rollback');
    blocker.release();
    await live.caughtUp();
    expect(live.enforceSync('admin', 'accounts', 'read')).toBe(true);
  });

  test.each([
    ['its machine was suspended, while one of its clocks stood still', 3_600_000, 0],
    ['its clock was set back', -3_600_000, 3_600_000],
  ])('is stale after %s', async (_, wallMs, steadyMs) => {
    const { live } = await openJournaled({ maxStalenessMs: 600_000, whenStale: 'deny' });
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + wallMs });
    const readSteady = performance.now.bind(performance);
    const steady = vi.spyOn(performance, 'now').mockImplementation(() => readSteady() + steadyMs);
    try {
      expect(live.state.status).toBe('stale');
      expect(live.enforceSync('admin', 'accounts', 'read')).toBe(false);
      const before = Date.now();
      await live.caughtUp();
      expect(live.enforceSync('admin', 'accounts', 'read')).toBe(true);
      expect(live.state.confirmedAt.getTime()).toBeGreaterThanOrEqual(before);
    } finally {
      steady.mockRestore();
      vi.useRealTimers();
    }
  });

  test('has a timer only until it is closed, and only if it may become stale', async () => {
    const database = await createBootstrapped({ seeders: [], journal: true });
    const pool = database.pool();
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    const countTimers = async (options: LiveEnforcerOptions) => {
      const live = await createLiveEnforcer(pool, { pollIntervalMs: NEVER_MS, ...options });
      const before = vi.getTimerCount();
      await live.close();
      return [before, vi.getTimerCount()];
    };
    expect(await countTimers({})).toEqual([0, 0]);
    expect(await countTimers({ maxStalenessMs: 600_000 })).toEqual([1, 0]);
    await expect(countTimers({ maxStalenessMs: 600_000, table: 'none' })).rejects.toThrow();
    expect(vi.getTimerCount()).toBe(0);
  });

  test('tells why it could not look when it becomes stale', async () => {
    const database = await createBootstrapped({ seeders: [], journal: true });
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    const { live, errors } = await follow(database, { maxStalenessMs: 600_000 });
    await database.pool().query('drop table casbin');
    await expect(live.caughtUp()).rejects.toMatchObject({ code: 'TABLE_MISSING' });
    const cause = live.state.error;
    vi.advanceTimersByTime(600_000);
    expect(errors).toContainEqual(
      expect.objectContaining({
        code: 'ENFORCER_STALE',
        message: expect.stringContaining(`${cause?.message}`),
        cause,
      }),
    );
  });

  test('that gets no connection reports it, says since when, and continues when there is one', async () => {
    const database = await createBootstrapped({ seeders: [], journal: true });
    const pool = database.pool({ application_name: 'live' });
    // So that it has its first connection at once.
    await pool.query('select 1');
    const gate = { isOpen: true };
    const hanging = { connect: () => (gate.isOpen ? pool.connect() : new Promise(() => {})) };
    const given = { connectTimeoutMs: 100, pollIntervalMs: 50 };
    const { live, errors } = await follow(database, given, hanging as pg.Pool);

    gate.isOpen = false;
    await database.pool().query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where application_name = 'live' and datname = current_database()`,
    );
    await expect
      .poll(() => errors)
      .toContainEqual(
        expect.objectContaining({ code: 'CONNECTION_FAILED', message: expect.stringContaining('100 ms') }),
      );
    const { status, confirmedAt, error } = live.state;
    expect([status, error?.message]).toEqual(['current', expect.any(String)]);
    expect(live.state.confirmedAt).toEqual(confirmedAt);
    gate.isOpen = true;
    await expect.poll(() => live.state.error).toBeNull();
    expect(live.state.confirmedAt.getTime()).toBeGreaterThan(confirmedAt.getTime());
  });

  test('that is made while the pool gives no client is refused in time', async () => {
    const pool = { connect: () => new Promise<never>(() => {}) };
    await expect(createLiveEnforcer(pool, { connectTimeoutMs: 50 })).rejects.toMatchObject({
      code: 'CONNECTION_FAILED',
    });
  });

  test('confirms the state at the beginning of a look, however long the look takes', async () => {
    const database = await createBootstrapped({ seeders: [], journal: true });
    const pool = database.pool();
    let beLate = async () => {};
    const { live } = await follow(
      database,
      {},
      withMore(pool, () => beLate()),
    );

    beLate = () => setTimeout(LATE_MS);
    await live.caughtUp();

    expect(Date.now() - live.state.confirmedAt.getTime()).toBeGreaterThan(LATE_MS / 2);
  });

  test('can be closed while it waits for a client without a limit', async () => {
    const database = await createDatabase();
    const pool = database.pool({ application_name: 'live' });
    await bootstrapDatabase(pool, { seeders: [], journal: true });
    const gate = { isOpen: true, asked: 0 };
    const hanging = {
      connect() {
        gate.asked += 1;
        return gate.isOpen ? pool.connect() : new Promise(() => {});
      },
    };
    const { live } = await follow(database, { connectTimeoutMs: 0 }, hanging as pg.Pool);
    gate.isOpen = false;
    await database
      .pool()
      .query(`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'live'`);
    await expect.poll(() => gate.asked).toBe(2);
    await live.close();
    expect(live.state.status).toBe('closed');
  });

  test('can be closed while the server does not answer', async () => {
    const { live, database } = await openJournaled();
    const blocker = await database.pool().connect();
    await blocker.query('begin; lock table casbin_bootstrap_journal in access exclusive mode');
    const asked = live.caughtUp().catch((error: unknown) => error);
    await expect.poll(() => isWaitedFor(blocker)).toBe(true);
    await live.close();
    expect(await asked).toBeInstanceOf(Error);
    await blocker.query('rollback');
    blocker.release();
  });

  test('looks without being notified, too', async () => {
    const { live, database } = await openJournaled({ pollIntervalMs: 50, notifyChannel: false });
    const pool = database.pool();
    await pool.query('alter table casbin disable trigger user');
    await pool.query(`insert into casbin (ptype, rule) values ('g', '["alice", "user"]')`);
    await expect.poll(() => live.enforceSync('alice', 'accounts', 'read')).toBe(true);
  });

  test('listens on a channel of any name', async () => {
    const channel = `it's "one"; unlisten *`;
    const database = await createBootstrapped({ seeders: [] });
    const { live } = await follow(database, { notifyChannel: channel });
    const pool = database.pool();
    await pool.query(`insert into casbin (ptype, rule) values ('g', '["alice", "user"]')`);
    await pool.query(`select pg_notify($1, '')`, [channel]);
    await expect.poll(() => live.enforceSync('alice', 'accounts', 'read')).toBe(true);
  });

  test('listens to the journal alone, where it shall listen on no other channel', async () => {
    const database = await createBootstrapped({ seeders: [], journal: true });
    const pool = database.pool();
    const clients: pg.PoolClient[] = [];
    pool.on('acquire', (client) => clients.push(client));
    await follow(database, { notifyChannel: false }, pool);
    const listening = await clients[0]?.query('select pg_listening_channels() as channel');
    expect(listening?.rows).toEqual([{ channel: 'casbin_bootstrap_journal' }]);
  });

  test('returns no connection to the pool that still listens', async () => {
    const database = await createBootstrapped({ seeders: [], journal: true });
    const pool = database.pool({ max: 1 });
    const { live } = await follow(database, {}, pool);
    await live.close();
    const { rows } = await pool.query('select pg_listening_channels() as channel');
    expect(rows).toEqual([]);
  });

  test('an error of a listener does not stop it', async () => {
    const { live, database, errors } = await openJournaled({
      onChange() {
        throw new Error('of the application');
      },
    });
    await database.pool().query(`insert into casbin (ptype, rule) values ('g', '["alice", "user"]')`);
    await live.caughtUp();
    expect(errors).toMatchObject([{ message: 'of the application' }]);
    expect(live.enforceSync('alice', 'accounts', 'read')).toBe(true);
    expect(live.state.error).toBe(null);
  });

  test('what a listener rejects with does not stop it, nor end the process', async () => {
    const { live, database, errors } = await openJournaled({
      async onChange() {
        throw new Error('of the application');
      },
    });
    await database.pool().query(`insert into casbin (ptype, rule) values ('g', '["alice", "user"]')`);
    await live.caughtUp();
    await expect.poll(() => errors).toMatchObject([{ message: 'of the application' }]);
  });

  test('does not mind what onError rejects with', async () => {
    const heard: Error[] = [];
    const { live, database } = await openJournaled({
      async onError(error) {
        heard.push(error);
        throw new Error('of the application');
      },
    });
    const pool = database.pool();
    await pool.query(`insert into casbin (ptype, rule) values ('p', '["alice"]')`);
    await expect(live.caughtUp()).rejects.toThrow('fit the model');
    await pool.query(`delete from casbin where rule = '["alice"]'`);
    await live.caughtUp();
    expect(heard.length).toBeGreaterThan(0);
  });

  test.each([
    ['before its second look', { POLL_INTERVAL_MS: '600000', THEN: '' }],
    ['after other looks', { POLL_INTERVAL_MS: '50', THEN: 'looks again' }],
    ['while it is refused a connection', { POLL_INTERVAL_MS: '50', THEN: 'is refused' }],
    ['while it waits for a connection', { POLL_INTERVAL_MS: '50', THEN: 'waits' }],
    ['while a watcher of it waits', { POLL_INTERVAL_MS: '50', THEN: 'has a watcher' }],
  ])('does not keep a process alive: %s', async (_, env) => {
    const { database } = await openJournaled();
    expect(await runChild(database.url, env)).toMatchObject({
      code: 0,
      stdout: '{"allowed":true}\n',
      stderr: '',
    });
  });

  test('keeps a process alive until who asks again after a failure has an answer', async () => {
    const { database } = await openJournaled();
    expect(await runChild(database.url, { POLL_INTERVAL_MS: '600000', THEN: 'asks twice' })).toMatchObject({
      code: 0,
      stdout: '{"allowed":true}\n',
      stderr: '',
    });
  });
});

/** A process that creates a live enforcer, does `THEN`, and ends if nothing keeps it. */
async function runChild(url: string, env: { POLL_INTERVAL_MS: string; THEN: string }) {
  const script = new URL('./children/live.mjs', import.meta.url);
  const [result] = await runProcesses(1, script, { env: { DATABASE_URL: url, ...env } });
  return result;
}
