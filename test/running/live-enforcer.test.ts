import { setTimeout } from 'node:timers/promises';
import { newModel } from 'casbin';
import pg from 'pg';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { triggersOf } from '../../migrations/0003_journal.ts';
import {
  bootstrapDatabase,
  changePolicy,
  createAdapter,
  createLiveEnforcer,
  type LiveEnforcer,
  type LiveEnforcerOptions,
  type PolicyChange,
  pruneJournal,
} from '../../src/index.ts';
import type { MovedEnforcer } from '../../src/running/moved-enforcer.ts';
import { createBootstrapped } from '../bootstrap/bootstrapped.fixture.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { runProcesses } from '../support/processes.ts';
import { LAYOUTS } from '../tables/layouts.fixture.ts';
import { modelText } from '../verification/verify.fixture.ts';
import { gateOf } from './gate.fixture.ts';

/** So rarely that nothing is found by it. */
const NEVER_MS = 2_000_000;

async function follow(
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

/** Whether somebody waits for a lock of the client. */
async function isWaitedFor(client: pg.ClientBase): Promise<boolean> {
  const { rows } = await client.query(
    `select exists (select from pg_stat_activity where pg_backend_pid() = any(pg_blocking_pids(pid))) as waited`,
  );
  return rows[0].waited;
}

/** How late an answer comes. */
const LATE_MS = 500;

/** The same pool; after each answer it does more, before it gives it. */
function withMore(pool: pg.Pool, more: () => Promise<unknown>): pg.Pool {
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

describe.each(LAYOUTS)('a live enforcer on a table of layout $name', (layout) => {
  describe.each([true, false])('with a journal: %s', (journal) => {
    async function open(options: LiveEnforcerOptions = {}) {
      const database = await createBootstrapped({ ...layout.options, seeders: [], journal });
      const pool = database.pool();
      return { database, pool, ...(await follow(database, { ...layout.options, ...options }, pool)) };
    }

    const insert = (pool: pg.Pool, ...rules: string[][]) => layout.insert(pool, ...rules);

    test('decides as the policy of the database, and says how it follows it', async () => {
      const { live } = await open();
      expect(await live.enforce('admin', 'accounts', 'read')).toBe(true);
      expect(live.enforceSync('readonly', 'accounts', 'write')).toBe(false);
      expect(await live.enforceEx('user', 'accounts', 'read')).toEqual([
        true,
        ['readonly', 'accounts', 'read'],
      ]);
      expect(
        await live.batchEnforce([
          ['admin', 'users', 'read'],
          ['nobody', 'users', 'read'],
        ]),
      ).toEqual([true, false]);
      expect(live.state).toMatchObject({
        status: 'current',
        by: journal ? 'journal' : 'reload',
        error: null,
      });
    });

    test('has what anybody committed before caughtUp was called', async () => {
      const { live, pool } = await open();
      expect(await live.enforce('alice', 'accounts', 'read')).toBe(false);
      await insert(pool, ['p', 'user', 'reports', 'read'], ['g', 'alice', 'user']);
      await live.caughtUp();
      expect(await live.enforce('alice', 'reports', 'read')).toBe(true);
      expect(await live.enforce('alice', 'accounts', 'read')).toBe(true);
      await pool.query(`delete from ${layout.table} where ${layout.first} = 'alice'`);
      await live.caughtUp();
      expect(await live.enforce('alice', 'reports', 'read')).toBe(false);
      await pool.query(`truncate ${layout.table}`);
      await live.caughtUp();
      expect(await live.enforce('admin', 'accounts', 'read')).toBe(false);
    });

    test('shows what has changed', async () => {
      const { live, pool, changes } = await open();
      const client = await pool.connect();
      await client.query('begin');
      const adapter = createAdapter(client, layout.options);
      await adapter.addPolicy('p', 'p', ['user', 'reports', 'read']);
      await adapter.updatePolicy('p', 'p', ['user', 'reports', 'read'], ['user', 'reports', 'write']);
      await client.query('commit');
      client.release();
      await live.caughtUp();
      await live.caughtUp();
      const rule = { ptype: 'p', values: ['user', 'reports', 'write'] };
      expect(changes).toEqual([
        journal
          ? { reloaded: false, added: [rule], removed: [] }
          : { reloaded: true, added: [], removed: [] },
      ]);
    });

    test('decides on its own changes when the promise resolves, and other enforcers follow', async () => {
      const { live, database } = await open();
      const { live: other } = await follow(database, layout.options);

      expect(await live.addPolicy('user', 'reports', 'read')).toBe(true);
      expect(await live.addPolicy('user', 'reports', 'read')).toBe(false);
      expect(await live.addRoleForUser('alice', 'user')).toBe(true);
      expect(await live.enforce('alice', 'reports', 'read')).toBe(true);
      expect(await live.getRolesForUser('alice')).toEqual(['user']);
      expect(await live.updatePolicy(['user', 'reports', 'read'], ['user', 'reports', 'write'])).toBe(true);
      expect(await live.enforce('alice', 'reports', 'read')).toBe(false);
      expect(await live.hasPolicy('user', 'reports', 'write')).toBe(true);
      expect(await live.removePolicy('user', 'reports', 'read')).toBe(false);
      expect(await live.removeFilteredPolicy(1, 'reports')).toBe(true);
      expect(await live.getFilteredPolicy(1, 'reports')).toEqual([]);
      expect(await live.deleteUser('alice')).toBe(true);

      await other.caughtUp();
      expect(await other.getPolicy()).toEqual(await live.getPolicy());
      expect(await other.getGroupingPolicy()).toEqual(await live.getGroupingPolicy());
    });

    test('stores no rule that would keep every live enforcer from reading on', async () => {
      const { live, errors } = await open();
      await expect(live.addPolicy('user', 'reports')).rejects.toMatchObject({
        problems: [{ at: 'rule 1', code: 'RULE_WRONG_LENGTH' }],
      });
      const two = [
        ['user', 'reports', 'read'],
        ['user', 'reports', 'read', 'deny'],
      ];
      await expect(live.addPolicies(two)).rejects.toMatchObject({ problems: [{ at: 'rule 2' }] });
      await expect(live.addPoliciesEx(two)).rejects.toMatchObject({ problems: [{ at: 'rule 2' }] });
      await expect(live.addNamedPolicy('p2', 'user', 'reports', 'read')).rejects.toMatchObject({
        problems: [{ code: 'RULE_UNKNOWN_PTYPE' }],
      });
      await expect(
        live.updatePolicy(['user', 'accounts', 'write'], ['user', 'accounts']),
      ).rejects.toMatchObject({
        problems: [{ code: 'RULE_WRONG_LENGTH' }],
      });
      await live.caughtUp();
      expect({ errors, state: live.state }).toMatchObject({ errors: [], state: { error: null } });
      expect(await live.addPolicy('user', 'reports', 'read')).toBe(true);
    });

    test('refuses stored rules that do not fit its model, at its beginning and later', async () => {
      const { live, pool, database, errors } = await open();
      await insert(pool, ['p', 'user', 'reports', 'read', 'deny']);
      await expect(live.caughtUp()).rejects.toMatchObject({ code: 'RULES_DO_NOT_FIT_MODEL' });
      const counted = live.state.by === 'journal' ? '1 of 1 rules that were changed' : '1 of 17 stored rules';
      expect(errors[0]).toMatchObject({
        code: 'RULES_DO_NOT_FIT_MODEL',
        message: expect.stringContaining(`${counted} do not fit the model ("p, user, reports, read, deny")`),
      });
      expect(live.state.error).toMatchObject({ code: 'RULES_DO_NOT_FIT_MODEL' });
      expect(await live.enforce('user', 'reports', 'read')).toBe(false);
      await expect(follow(database, layout.options)).rejects.toMatchObject({
        code: 'RULES_DO_NOT_FIT_MODEL',
      });

      await pool.query(`delete from ${layout.table} where id = (select max(id) from ${layout.table})`);
      await expect.poll(() => live.caughtUp().then(() => live.state.error)).toBe(null);
    });

    test('sees changes of a transaction together', async () => {
      const { live, pool } = await open();
      const client = await pool.connect();
      await client.query('begin');
      await layout.insert(client, ['g', 'alice', 'user']);
      await live.caughtUp();
      expect(await live.enforce('alice', 'accounts', 'read')).toBe(false);
      await client.query('commit');
      client.release();
      await live.caughtUp();
      expect(await live.enforce('alice', 'accounts', 'read')).toBe(true);
    });
  });

  test('has entries that got their number early and commit late', async () => {
    const database = await createBootstrapped({ ...layout.options, seeders: [], journal: true });
    const pool = database.pool();
    const { live, changes } = await follow(database, layout.options);
    const early = await pool.connect();
    await early.query('begin');
    await layout.insert(early, ['g', 'early', 'user']);
    await layout.insert(pool, ['g', 'late', 'user']);
    await live.caughtUp();
    await layout.insert(pool, ['g', 'later', 'user']);
    await live.caughtUp();
    expect([
      live.enforceSync('late', 'accounts', 'read'),
      live.enforceSync('early', 'accounts', 'read'),
    ]).toEqual([true, false]);
    await early.query('commit');
    early.release();
    await live.caughtUp();
    expect(live.enforceSync('early', 'accounts', 'read')).toBe(true);
    expect(live.state.by).toBe('journal');
    // Each once, although those behind the early one were read again.
    expect(changes.map(({ reloaded, added }) => [reloaded, ...added.map(({ values }) => values[0])])).toEqual(
      [
        [false, 'late'],
        [false, 'later'],
        [false, 'early'],
      ],
    );
  });

  test('lists changes in the order in which they were made, whichever transaction began first', async () => {
    const database = await createBootstrapped({ ...layout.options, seeders: [], journal: true });
    const [pool, own] = [database.pool(), database.pool()];
    const gate = gateOf(own);
    const { live, changes } = await follow(database, layout.options, own);
    const early = await pool.connect();
    await early.query('begin');
    await early.query('select pg_current_xact_id()');
    gate.close();
    await layout.insert(pool, ['g', 'first', 'user']);
    await layout.insert(early, ['g', 'second', 'user']);
    await early.query('commit');
    early.release();
    gate.open();
    await live.caughtUp();
    expect(changes).toMatchObject([
      { added: [{ values: ['first', 'user'] }, { values: ['second', 'user'] }] },
    ]);
  });

  test('is notified, without asking', async () => {
    const database = await createBootstrapped({ ...layout.options, seeders: [], journal: true });
    const pool = database.pool();
    const { live } = await follow(database, layout.options);
    const client = await pool.connect();
    await changePolicy(client, { assign: [['alice', 'user']] }, { ...layout.options, actor: 'root' });
    client.release();
    await expect.poll(() => live.enforceSync('alice', 'accounts', 'read')).toBe(true);
  });

  test('reads everything again where the journal does not have it', async () => {
    const database = await createBootstrapped({ ...layout.options, seeders: [], journal: true });
    const pool = database.pool();
    const { live, changes } = await follow(database, layout.options);

    // As after a pruning that took what was not read yet.
    await layout.insert(pool, ['g', 'alice', 'user']);
    await pool.query('delete from casbin_bootstrap_journal');
    await layout.insert(pool, ['g', 'bob', 'user']);
    await live.caughtUp();
    expect(['alice', 'bob'].map((name) => live.enforceSync(name, 'accounts', 'read'))).toEqual([true, true]);

    // As after somebody has turned the triggers off.
    await pool.query(`alter table ${layout.table} disable trigger user`);
    await layout.insert(pool, ['g', 'carol', 'user']);
    await live.caughtUp();
    expect(live.enforceSync('carol', 'accounts', 'read')).toBe(true);
    expect(live.state.by).toBe('reload');
    expect(changes.at(-1)).toMatchObject({ reloaded: true });
  });

  test('has what was changed while the triggers of the journal were off between two looks', async () => {
    const database = await createDatabase();
    const pool = database.pool();
    await bootstrapDatabase(pool, { ...layout.options, seeders: [], journal: true });
    const { live } = await follow(database, layout.options);
    await layout.insert(pool, ['g', 'alice', 'user']);
    await live.caughtUp();

    // As `pg_restore --disable-triggers` does.
    await pool.query(`alter table ${layout.table} disable trigger user`);
    await layout.insert(pool, ['g', 'bob', 'user']);
    await pool.query(`alter table ${layout.table} enable trigger user`);
    await live.caughtUp();

    expect(['alice', 'bob'].map((name) => live.enforceSync(name, 'accounts', 'read'))).toEqual([true, true]);
    expect(live.state.by).toBe('journal');
  });

  test('follows a journal whose triggers fire for a replication too', async () => {
    const database = await createBootstrapped({ ...layout.options, seeders: [], journal: true });
    const pool = database.pool();
    for (const trigger of triggersOf(layout.table))
      await pool.query(`alter table ${layout.table} enable always trigger ${trigger}`);
    const { live } = await follow(database, layout.options);
    await layout.insert(pool, ['g', 'alice', 'user']);
    await live.caughtUp();
    expect(live.enforceSync('alice', 'accounts', 'read')).toBe(true);
    expect(live.state.by).toBe('journal');
  });

  test('goes on when the journal is dropped, with its triggers or without them', async () => {
    const database = await createDatabase();
    const pool = database.pool();
    await bootstrapDatabase(pool, { ...layout.options, seeders: [], journal: true });
    const { live } = await follow(database, layout.options);
    await layout.insert(pool, ['g', 'alice', 'user']);
    await live.caughtUp();

    await pool.query('drop table casbin_bootstrap_journal');
    await live.caughtUp();
    expect(live.state).toMatchObject({ by: 'reload', error: null });

    await pool.query(`drop function casbin_bootstrap_journal_${layout.table} cascade`);
    await layout.insert(pool, ['g', 'bob', 'user']);
    await live.caughtUp();
    expect(['alice', 'bob'].map((name) => live.enforceSync(name, 'accounts', 'read'))).toEqual([true, true]);
  });

  test('reads all rules of a table that was renamed, as its triggers have its former name', async () => {
    const database = await createDatabase();
    const pool = database.pool();
    await bootstrapDatabase(pool, { ...layout.options, seeders: [], journal: true });
    await pool.query(`alter table ${layout.table} rename to policies`);
    const { live } = await follow(database, { table: 'policies' });
    expect(live.state.by).toBe('reload');
    // In one transaction, or a look could meet the former name.
    const client = await pool.connect();
    await client.query(`begin; alter table policies rename to ${layout.table}`);
    await layout.insert(client, ['g', 'alice', 'user']);
    await client.query(`alter table ${layout.table} rename to policies; commit`);
    client.release();
    await live.caughtUp();
    expect(live.enforceSync('alice', 'accounts', 'read')).toBe(true);
  });
});

describe('a live enforcer', () => {
  async function open(options: LiveEnforcerOptions = {}, pool?: pg.Pool) {
    const database = await createBootstrapped({ seeders: [], journal: true });
    return { database, ...(await follow(database, options, pool)) };
  }

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
    const { live, database, errors } = await open({
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
    const { live } = await open({ maxStalenessMs: 600_000, whenStale: 'deny' });
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

  test('still decides after it was closed, and says so', async () => {
    const { live } = await open();
    await live.close();
    expect(live.state.status).toBe('closed');
    expect(live.enforceSync('admin', 'accounts', 'read')).toBe(true);
    await expect(live.caughtUp()).rejects.toMatchObject({ code: 'ENFORCER_CLOSED' });
    await live.close();
  });

  test.each<[string, LiveEnforcerOptions]>([
    ['with rules that change one by one', {}],
    ['with policies that are swapped', { configureEnforcer() {} }],
  ])('denies after it was closed, where it shall deny, %s', async (_, options) => {
    const { live } = await open({ whenStale: 'deny', ...options });
    const request = ['admin', 'accounts', 'read'];
    const decide = async () => [
      live.enforceSync(...request),
      await live.enforce(...request),
      live.enforceExSync(...request)[0],
      (await live.enforceEx(...request))[0],
      ...(await live.batchEnforce([request])),
      await live.enforceWithMatcher('r.obj == p.obj', ...request),
      (await live.enforceExWithMatcher('r.obj == p.obj', ...request))[0],
    ];
    expect(await decide()).toEqual(new Array(7).fill(true));
    await live.close();
    expect(await decide()).toEqual(new Array(7).fill(false));
    expect(live.enforceExSync(...request)).toEqual([false, []]);
  });

  test('writes nothing after it was closed', async () => {
    const { live, database } = await open();
    await live.close();
    for (const write of [
      () => live.addPolicy('admin', 'accounts', 'fly'),
      () => live.updatePolicy(['user', 'accounts', 'write'], ['user', 'accounts', 'fly']),
      () => live.removePolicy('readonly', 'accounts', 'read'),
    ]) {
      await expect(write()).rejects.toMatchObject({ code: 'ENFORCER_CLOSED' });
    }
    const { rows } = await database.pool().query('select rule from casbin order by id');
    const rules = rows.map(({ rule }) => rule.join());
    expect(rules).toHaveLength(16);
    expect(rules).toContain('user,accounts,write');
    expect(rules).not.toContain('admin,accounts,fly');
  });

  test('tells that it has stored what it was writing when it was closed', async () => {
    const database = await createBootstrapped({ seeders: [], journal: true });
    const pool = database.pool();
    let close = async () => {};
    const { live } = await follow(
      database,
      {},
      withMore(pool, () => close()),
    );
    close = () => live.close();

    expect(await live.addPolicy('admin', 'accounts', 'fly')).toBe(true);

    expect(live.state.status).toBe('closed');
    const { rowCount } = await pool.query(`select from casbin where rule ->> 2 = 'fly'`);
    expect(rowCount).toBe(1);
  });

  test('does not say that it has a rule which it has stored, but could not read', async () => {
    const { live, database } = await open();
    const pool = database.pool();
    await pool.query(`insert into casbin (ptype, rule) values ('p9', '["alice"]')`);
    await expect(live.addPolicy('admin', 'accounts', 'fly')).rejects.toMatchObject({
      code: 'RULES_DO_NOT_FIT_MODEL',
    });
    const { rowCount } = await pool.query(`select from casbin where rule ->> 2 = 'fly'`);
    expect(rowCount).toBe(1);
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
    const { live, database } = await open();
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
    const { live, database } = await open({ pollIntervalMs: 50, notifyChannel: false });
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
    const { live, database, errors } = await open({
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
    const { live, database, errors } = await open({
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
    const { live, database } = await open({
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

  test('has a rule with an empty last value from the journal as from the table', async () => {
    const { live, changes } = await open();
    expect(await live.addPolicies([['alice', 'accounts', '']])).toBe(true);
    await live.addPolicy('bob', 'accounts', '');
    expect(live.enforceSync('alice', 'accounts', '')).toBe(true);
    expect(changes.at(-1)).toEqual({
      reloaded: false,
      added: [{ ptype: 'p', values: ['bob', 'accounts', ''] }],
      removed: [],
    });
    await live.removePolicy('bob', 'accounts', '');
    expect(live.enforceSync('bob', 'accounts', '')).toBe(false);
  });

  test('refuses a row that holds no rule, though its other values would fit', async () => {
    const { live, database } = await open();
    const pool = database.pool();
    await pool.query(`insert into casbin (ptype, rule) values ('g', '["alice", "user"]')`);
    await live.caughtUp();
    await pool.query(`insert into casbin (ptype, rule) values ('p', '["bob", null, "read"]')`);
    await expect(live.caughtUp()).rejects.toThrow('must be an array of strings');
    await pool.query(`delete from casbin where rule ->> 0 = 'bob'`);
    await live.caughtUp();
    expect(live.enforceSync('alice', 'accounts', 'read')).toBe(true);
  });

  test('writes about rules that it has not seen yet, or not seen go', async () => {
    const database = await createDatabase();
    const pool = database.pool();
    // Without a journal nobody notifies it.
    await bootstrapDatabase(pool, { seeders: [] });
    const { live } = await follow(database);
    const write = (text: string) => pool.query(text);
    await write(`insert into casbin (ptype, rule) values ('g', '["alice", "user"]')`);
    expect(await live.deleteRoleForUser('alice', 'user')).toBe(true);
    await write(`insert into casbin (ptype, rule) values ('g', '["bob", "user"]')`);
    expect(await live.deleteUser('bob')).toBe(true);
    await write(`insert into casbin (ptype, rule) values ('g', '["carol", "user"]')`);
    expect(await live.updateGroupingPolicy(['carol', 'user'], ['carol', 'readonly'])).toBe(true);
    await write(`delete from casbin where rule ->> 0 = 'carol'`);
    expect(await live.addRoleForUser('carol', 'readonly')).toBe(true);
    const { rows } = await pool.query(
      `select rule from casbin where rule ->> 0 in ('alice', 'bob', 'carol')`,
    );
    expect(rows).toEqual([{ rule: ['carol', 'readonly'] }]);
    expect(await live.deleteRoleForUser('alice', 'user')).toBe(false);
  });

  test('of a model that a journal does not help swaps whole policies in', async () => {
    const database = await createDatabase();
    const pool = database.pool();
    const model = newModel(modelText({ p: 'sub, obj, act, eft', e: 'priority(p.eft) || deny' }));
    const policy = {
      rules: [
        ['p', 'clerk', 'data', 'read', 'allow'],
        ['g', 'alice', 'clerk'],
      ],
    };
    await bootstrapDatabase(pool, { model, policy, seeders: [], journal: true });
    const { live } = await follow(database, { model }, pool);
    expect(live.state.by).toBe('reload');
    await pool.query(`update casbin set rule = '["clerk", "data", "read", "deny"]' where ptype = 'p'`);
    await pool.query(`insert into casbin (ptype, rule) values ('p', '["clerk", "data", "read", "allow"]')`);
    await live.caughtUp();
    expect(await live.enforce('alice', 'data', 'read')).toBe(false);
  });

  test('uses what configureEnforcer adds, after each change too', async () => {
    const database = await createDatabase();
    const pool = database.pool();
    const model = newModel(modelText({ m: 'r.sub == p.sub && isOpen(r.obj) && r.act == p.act' }));
    const configureEnforcer = (enforcer: {
      addFunction(name: string, fn: (text: string) => Promise<boolean>): unknown;
    }) => {
      enforcer.addFunction('isOpen', async (text) => text.startsWith('open'));
    };
    const given = { model, configureEnforcer: configureEnforcer as never };
    await bootstrapDatabase(pool, { ...given, policy: { rules: [['p', 'a', 'x', 'read']] }, seeders: [] });
    const { live } = await follow(database, given, pool);
    expect([await live.enforce('a', 'open 1', 'read'), await live.enforce('b', 'open 1', 'read')]).toEqual([
      true,
      false,
    ]);
    const requests = ['open 1', 'shut'].map((object) => ['a', object, 'read']);
    expect(await live.batchEnforce(requests)).toEqual([true, false]);
    await live.addPolicy('b', 'x', 'read');
    expect([await live.enforce('b', 'open 1', 'read'), await live.enforce('b', 'shut', 'read')]).toEqual([
      true,
      false,
    ]);
  });

  test('measures rules by what configureEnforcer has made of the model', async () => {
    const { live, database } = await open({
      configureEnforcer: (enforcer) => void enforcer.getModel().addDef('p', 'p2', 'sub, obj'),
    });
    const pool = database.pool();
    await pool.query(`insert into casbin (ptype, rule) values ('p2', '["a", "b"]')`);
    await live.caughtUp();
    expect(await live.getNamedPolicy('p2')).toEqual([['a', 'b']]);
    expect(await live.addNamedPolicy('p2', 'a', 'c')).toBe(true);
    await expect(live.addNamedPolicy('p2', 'a', 'b', 'c')).rejects.toMatchObject({
      problems: [{ code: 'RULE_WRONG_LENGTH' }],
    });
    await pool.query(`insert into casbin (ptype, rule) values ('p2', '["a"]')`);
    await expect(live.caughtUp()).rejects.toMatchObject({ code: 'RULES_DO_NOT_FIT_MODEL' });
  });

  test('decides by the effector that configureEnforcer sets', async () => {
    const { live } = await open({
      configureEnforcer(enforcer) {
        enforcer.setEffector({
          newStream: () => ({ current: () => false, pushEffect: () => [false, false, true] }),
        });
      },
    });
    expect(await live.enforce('admin', 'accounts', 'read')).toBe(false);
  });

  test('forgets what only the journal told, where all rules are read again and are as at first', async () => {
    const { live, database } = await open();
    const pool = database.pool();
    await pool.query(`insert into casbin (ptype, rule) values ('g', '["alice", "user"]')`);
    await live.caughtUp();
    expect(live.enforceSync('alice', 'accounts', 'read')).toBe(true);
    await pool.query(`
      alter table casbin disable trigger user;
      delete from casbin where rule ->> 0 = 'alice';
      alter table casbin enable trigger user`);
    await live.caughtUp();
    expect(live.enforceSync('alice', 'accounts', 'read')).toBe(false);
  });

  test('takes a matcher of its own for a request', async () => {
    const { live } = await open();
    expect(await live.enforceWithMatcher('r.obj == p.obj', 'nobody', 'accounts', 'x')).toBe(true);
    expect(await live.enforceExWithMatcher('r.obj == p.obj', 'nobody', 'nothing', 'x')).toEqual([false, []]);
  });

  test('decides by such a matcher on the policy that it had when it was asked', async () => {
    const { live } = await open();
    const rules = (await live.getPolicy()).map((values) => ({ ptype: 'p', values, rows: -1 }));
    const last = rules.at(-1)?.values ?? [];
    const matcher = 'r.sub == p.sub && r.obj == p.obj && r.act == p.act';
    const ask = () =>
      Promise.all([live.enforceWithMatcher(matcher, ...last), live.enforceExWithMatcher(matcher, ...last)]);
    const asked = ask();
    // As a look does whose answer has just come.
    (live as MovedEnforcer).change(rules);
    expect(await asked).toEqual([true, [true, last]]);
    expect(await ask()).toEqual([false, [false, []]]);
  });

  test('reads everything anew once after more changes than are worth going through', async () => {
    const { live, database, changes } = await open();
    // What began before keeps the journal's floor where it is.
    const older = await database.pool().connect();
    await older.query('begin');
    await older.query('select pg_current_xact_id()');
    const pool = database.pool();
    await pool.query(`
      insert into casbin (ptype, rule)
      select 'g', jsonb_build_array('user ' || n, 'user') from generate_series(1, 10001) n
    `);
    await live.caughtUp();
    expect(live.enforceSync('user 10001', 'accounts', 'read')).toBe(true);
    expect(live.state.by).toBe('journal');
    await pool.query(`insert into casbin (ptype, rule) values ('g', '["alice", "user"]')`);
    await live.caughtUp();
    await pool.query(`delete from casbin where rule ->> 0 = 'alice'`);
    await live.caughtUp();
    await older.query('rollback');
    older.release();
    const alice = { ptype: 'g', values: ['alice', 'user'] };
    expect(changes).toEqual([
      { reloaded: true, added: [], removed: [] },
      { reloaded: false, added: [alice], removed: [] },
      { reloaded: false, added: [], removed: [alice] },
    ]);
  });

  test('misses nothing that was pruned before it could read it, however old its number is', async () => {
    const { pool, gate, live, link } = await openGated();
    const late = await pool.connect();
    await late.query('begin');
    await late.query(link, ['late']);
    await pool.query(link, ['early']);
    await live.caughtUp();
    gate.close();
    await late.query('commit');
    late.release();
    await pruneAll(pool);
    gate.open();
    await live.caughtUp();
    expect(live.enforceSync('early', 'accounts', 'read')).toBe(true);
    expect(live.enforceSync('late', 'accounts', 'read')).toBe(true);
  });

  /** A live enforcer whose looks can be held up, and the statement that gives a user a role. */
  async function openGated() {
    const database = await createBootstrapped({ seeders: [], journal: true });
    const gated = database.pool();
    const gate = gateOf(gated);
    const { live } = await follow(database, {}, gated);
    const link = `insert into casbin (ptype, rule) values ('g', jsonb_build_array($1::text, 'user'))`;
    return { pool: database.pool(), gate, live, link };
  }

  /** Makes all entries old, and prunes them. */
  async function pruneAll(pool: pg.Pool): Promise<void> {
    await pool.query(`update casbin_bootstrap_journal set at = at - interval '1 day'`);
    expect(await pruneJournal(pool, { olderThan: new Date(Date.now() - 2 * 3_600_000) })).toBeGreaterThan(0);
  }

  test.each(['before', 'after'])(
    'misses nothing where what was pruned had begun %s what is left',
    async (when) => {
      const { pool, gate, live, link } = await openGated();
      const [one, two] = [await pool.connect(), await pool.connect()];
      for (const client of [one, two]) await client.query('begin; select pg_current_xact_id()');
      if (when === 'before') {
        // The entry of the later transaction has the lower number. It is not read, and what is read comes after it.
        await two.query(link, ['missed']);
        await one.query(link, ['read']);
        await one.query('commit');
        await live.caughtUp();
        gate.close();
        await two.query('commit');
        await pruneAll(pool);
      } else {
        // The entry with the lowest number is committed after the pruning.
        await one.query(link, ['late']);
        await pool.query(link, ['read']);
        await live.caughtUp();
        gate.close();
        await two.query(link, ['missed']);
        await two.query('commit');
        await pool.query(link, ['last']);
        await pruneAll(pool);
        await one.query('commit');
      }
      one.release();
      two.release();
      gate.open();
      await live.caughtUp();
      for (const name of ['read', 'missed', ...(when === 'before' ? [] : ['late'])])
        expect(live.enforceSync(name, 'accounts', 'read'), name).toBe(true);
    },
  );

  test('misses nothing that was pruned from before the first entry, which then is the same', async () => {
    const { pool, gate, live, link } = await openGated();
    const client = await pool.connect();
    await client.query('begin');
    await client.query(link, ['missed']);
    await pool.query(link, ['read']);
    await pruneAll(pool);
    await live.caughtUp();
    gate.close();
    await client.query('commit');
    client.release();
    await pruneAll(pool);
    gate.open();
    await live.caughtUp();
    expect(live.enforceSync('missed', 'accounts', 'read')).toBe(true);
  });

  test('reads everything anew no more than once while a transaction is open that began before the journal', async () => {
    const database = await createBootstrapped({ seeders: [] });
    const pool = database.pool();
    const older = await pool.connect();
    await older.query('begin; select pg_current_xact_id()');
    await bootstrapDatabase(pool, { seeders: [], journal: true });
    const { live, changes } = await follow(database);
    for (const user of ['alice', 'bob', 'carol']) {
      await pool.query(`insert into casbin (ptype, rule) values ('g', jsonb_build_array('${user}', 'user'))`);
      await live.caughtUp();
    }
    await older.query('rollback');
    older.release();
    expect(changes.map(({ reloaded }) => reloaded)).toEqual([true, false, false]);
  });

  test('goes on with the journal where all that was pruned had been read', async () => {
    const { live, database, changes } = await open();
    const pool = database.pool();
    for (const user of ['alice', 'bob']) {
      await pool.query(`insert into casbin (ptype, rule) values ('g', jsonb_build_array('${user}', 'user'))`);
      await live.caughtUp();
    }
    // Tests of other databases on this server may have older transactions open.
    const isOver = 'bool_and(transaction < pg_snapshot_xmin(pg_current_snapshot()))';
    const read = () => pool.query(`select ${isOver} as "isOver" from casbin_bootstrap_journal`);
    await expect.poll(async () => (await read()).rows[0].isOver).toBe(true);
    await live.caughtUp();
    await pruneAll(pool);
    await live.caughtUp();
    await pool.query(`delete from casbin where rule ->> 0 = 'alice'`);
    await live.caughtUp();
    expect(changes.map(({ reloaded, removed }) => ({ reloaded, removed: removed.length }))).toEqual([
      { reloaded: false, removed: 0 },
      { reloaded: false, removed: 0 },
      { reloaded: false, removed: 1 },
    ]);
    // An empty journal tells nothing of what was in it.
    await pool.query('delete from casbin_bootstrap_journal');
    await live.caughtUp();
    expect(changes.at(-1)).toMatchObject({ reloaded: true });
  });

  test('misses nothing among many changes of another table with the same journal', async () => {
    const { live, database, changes } = await open();
    const pool = database.pool();
    await bootstrapDatabase(pool, {
      table: { name: 'others', layout: 'document' },
      seeders: [],
      journal: true,
    });
    const client = await pool.connect();
    await client.query('begin');
    await client.query(`
      insert into others (ptype, rule)
      select 'g', jsonb_build_array('user ' || n, 'user') from generate_series(1, 10001) n
    `);
    await client.query(`insert into casbin (ptype, rule) values ('g', '["alice", "user"]')`);
    await client.query('commit');
    client.release();
    await live.caughtUp();
    expect(changes).toEqual([
      { reloaded: false, added: [{ ptype: 'g', values: ['alice', 'user'] }], removed: [] },
    ]);
  });

  test('saves nothing over what others have written since', async () => {
    const { live, database } = await open();
    const pool = database.pool();
    await pool.query('alter table casbin disable trigger user');
    await pool.query(`insert into casbin (ptype, rule) values ('g', '["alice", "user"]')`);
    expect(await live.savePolicy()).toBe(true);
    const { rows } = await pool.query(`select count(*)::int as links from casbin where rule ->> 0 = 'alice'`);
    expect(rows).toEqual([{ links: 1 }]);
    expect(live.enforceSync('alice', 'accounts', 'read')).toBe(true);
  });

  test('refuses what would leave it with another policy', async () => {
    const { live } = await open();
    expect(() => live.clearPolicy()).toThrow('removePolicies');
    expect(() => live.setModel(live.getModel())).toThrow('with that model');
    await expect(live.loadFilteredPolicy({})).rejects.toThrow('createEnforcer');
    await expect(live.loadIncrementalFilteredPolicy({})).rejects.toThrow('createEnforcer');
    await live.buildRoleLinks();
    expect(live.enforceSync('admin', 'accounts', 'read')).toBe(true);
  });

  test.each([
    ['before its second look', { POLL_INTERVAL_MS: '600000', THEN: '' }],
    ['after other looks', { POLL_INTERVAL_MS: '50', THEN: 'looks again' }],
    ['while it is refused a connection', { POLL_INTERVAL_MS: '50', THEN: 'is refused' }],
    ['while it waits for a connection', { POLL_INTERVAL_MS: '50', THEN: 'waits' }],
  ])('does not keep a process alive: %s', async (_, env) => {
    const { database } = await open();
    const script = new URL('./children/live.mjs', import.meta.url);
    const [result] = await runProcesses(1, script, { env: { DATABASE_URL: database.url, ...env } });
    expect(result).toMatchObject({ code: 0, stdout: '{"allowed":true}\n', stderr: '' });
  });

  test('says that it has the only client of its pool when something is written through it', async () => {
    const database = await createBootstrapped({ seeders: [] });
    const { live } = await follow(database, { connectTimeoutMs: 200 }, database.pool({ max: 1 }));
    await expect(live.addPolicy('admin', 'accounts', 'fly')).rejects.toMatchObject({
      code: 'CONNECTION_FAILED',
      message: expect.stringContaining('make the pool larger'),
    });
    expect(await live.enforce('admin', 'accounts', 'read')).toBe(true);
  });

  test('wrong options are reported at once', async () => {
    const pool = (await createDatabase()).pool();
    await expect(
      createLiveEnforcer(pool, { whenStale: 'maybe', maxStalenessMs: -1, polIntervalMs: 3 } as never),
    ).rejects.toMatchObject({
      problems: expect.arrayContaining(
        ['whenStale', 'maxStalenessMs', 'polIntervalMs'].map((at) => expect.objectContaining({ at })),
      ),
    });
    await expect(createLiveEnforcer(pool)).rejects.toMatchObject({ code: 'TABLE_MISSING' });
    const unreachable = new pg.Pool({ connectionString: 'postgres://127.0.0.1:1/none' });
    await expect(createLiveEnforcer(unreachable)).rejects.toMatchObject({
      code: 'CONNECTION_FAILED',
      message: expect.stringContaining('127.0.0.1:1'),
    });
  });
});
