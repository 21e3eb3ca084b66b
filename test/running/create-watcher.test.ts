import { setImmediate } from 'node:timers/promises';
import { type Enforcer, newEnforcer } from 'casbin';
import { PostgresAdapter } from 'casbin-pg-adapter/lib/adapter.js';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  createAdapter,
  createEnforcer,
  createLiveEnforcer,
  createWatcher,
  defaultModelPath,
  type LiveEnforcerOptions,
  type LiveWatcher,
  type PolicyChange,
} from '../../src/index.ts';
import { createBootstrapped } from '../bootstrap/bootstrapped.fixture.ts';
import { gateOf } from './gate.fixture.ts';
import { NEVER_MS } from './live.fixture.ts';

/** Casbin's own enforcer on the stock adapter, with a watcher, and how often that had it load. */
async function open({ journal = true, isEx = true } = {}, options: LiveEnforcerOptions = {}) {
  const database = await createBootstrapped({ seeders: [], journal });
  const pool = database.pool();
  const errors: Error[] = [];
  const gated = database.pool();
  const gate = gateOf(gated);
  const live = await createLiveEnforcer(gated, {
    pollIntervalMs: NEVER_MS,
    onError: (error) => errors.push(error),
    ...options,
  });
  onTestFinished(() => live.close());
  const watcher = createWatcher(live);
  const stock = await PostgresAdapter.newAdapter({ connectionString: database.url, migrate: false });
  onTestFinished(() => stock.close());
  const own = await newEnforcer(defaultModelPath, stock);
  const loads = { begun: 0, count: 0 };
  const load = own.loadPolicy.bind(own);
  own.loadPolicy = async () => {
    loads.begun += 1;
    await load();
    loads.count += 1;
  };
  own.setWatcher(watcher);
  if (isEx) own.setWatcherEx(watcher);
  /** Has the enforcer write, which has its answer before the live enforcer can look. */
  const write = async (change: () => Promise<unknown>) => {
    gate.close();
    await change();
    gate.open();
    await live.caughtUp();
    await settle();
  };
  return { pool, live, watcher, own, loads, errors, write };
}

/** What the watcher heard of before, it has called back for. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await setImmediate();
}

const insert = "insert into casbin (ptype, rule) values ('g', $1)";

describe('a watcher', () => {
  test('has an enforcer load what others have changed', async () => {
    const { pool, live, own, loads } = await open();
    await pool.query(insert, ['["alice", "user"]']);
    await live.caughtUp();
    await expect.poll(() => loads.count).toBe(1);
    expect(await own.enforce('alice', 'accounts', 'write')).toBe(true);
    await pool.query(`delete from casbin where rule ->> 0 = 'alice'`);
    await live.caughtUp();
    await expect.poll(() => loads.count).toBe(2);
    expect(await own.enforce('alice', 'accounts', 'write')).toBe(false);
  });

  test('does not make it load its own changes', async () => {
    const { live, own, loads, write } = await open();
    await write(() => own.addPolicy('user', 'reports', 'read'));
    await write(() => own.addRoleForUser('alice', 'user'));
    await write(() => own.removePolicy('user', 'reports', 'read'));
    await write(() => own.deleteRoleForUser('alice', 'user'));
    expect(loads.begun).toBe(0);
    expect(live.enforceSync('alice', 'accounts', 'read')).toBe(false);
    expect((await own.getPolicy()).toSorted()).toEqual((await live.getPolicy()).toSorted());
    expect((await own.getGroupingPolicy()).toSorted()).toEqual((await live.getGroupingPolicy()).toSorted());
  });

  test('does not make it load several rules that it has written at once', async () => {
    const { pool, watcher, loads, write } = await open();
    const rules = [
      ['alice', 'user'],
      ['bob', 'user'],
    ];
    await write(async () => {
      await pool.query(
        `${insert}, ('g', $2)`,
        rules.map((rule) => JSON.stringify(rule)),
      );
      void watcher.updateForAddPolicies('g', 'g', ...rules);
    });
    await write(async () => {
      await pool.query(`delete from casbin where rule ->> 0 in ('alice', 'bob')`);
      void watcher.updateForRemovePolicies('g', 'g', ...rules);
    });
    expect(loads.begun).toBe(0);
  });

  test('does not make it load when it has written a rule twice before the watcher has seen the first change', async () => {
    const { own, loads, write } = await open();
    await write(async () => {
      await own.addRoleForUser('alice', 'user');
      await own.deleteRoleForUser('alice', 'user');
    });
    expect(loads.begun).toBe(0);
  });

  test('does not make it load a change that the live enforcer has seen before Casbin reported it', async () => {
    const rule = ['alice', 'user'];
    const watched: { watcher?: LiveWatcher } = {};
    const { pool, live, watcher, loads } = await open(
      {},
      { onChange: () => void watched.watcher?.updateForAddPolicy('g', 'g', ...rule) },
    );
    watched.watcher = watcher;
    await pool.query(insert, [JSON.stringify(rule)]);
    await live.caughtUp();
    await settle();
    expect(loads.begun).toBe(0);
  });

  test('has it load what others do about the same rule later', async () => {
    const { pool, live, own, loads, write } = await open();
    await write(() => own.addRoleForUser('alice', 'user'));
    for (const [count, statement] of [
      [1, `delete from casbin where rule ->> 0 = 'alice'`],
      [2, `insert into casbin (ptype, rule) values ('g', '["alice", "user"]')`],
    ] as const) {
      await pool.query(statement);
      await live.caughtUp();
      await expect.poll(() => loads.count).toBe(count);
    }
    expect((await own.getGroupingPolicy()).filter(([user]) => user === 'alice')).toHaveLength(1);
  });

  test('makes it load if another session has immediately undone its change', async () => {
    const { pool, live, watcher, own, loads } = await open();
    // What it writes and what undoes it are committed together, so that the live enforcer sees no change.
    const client = await pool.connect();
    await client.query('begin');
    await createAdapter(client).addPolicy('g', 'g', ['alice', 'user']);
    await client.query(`delete from casbin where rule ->> 0 = 'alice'`);
    await client.query('commit');
    client.release();
    await live.caughtUp();
    own.getModel().addPolicy('g', 'g', ['alice', 'user']);
    await watcher.updateForAddPolicy('g', 'g', 'alice', 'user');
    await expect.poll(() => loads.count).toBe(1);
    expect((await own.getGroupingPolicy()).filter(([user]) => user === 'alice')).toEqual([]);
  });

  test('calls back once more if it writes during a callback, which may have read the policy before', async () => {
    const { pool, live, watcher, own, write } = await open();
    let current = own;
    const reads: (() => void)[] = [];
    watcher.setUpdateCallback(async () => {
      const next = await createEnforcer(pool);
      await new Promise<void>((resolve) => reads.push(resolve));
      current = next;
    });
    await pool.query(insert, ['["alice", "user"]']);
    await live.caughtUp();
    await expect.poll(() => reads.length).toBe(1);
    await write(() => own.addRoleForUser('bob', 'user'));
    reads[0]?.();
    await expect.poll(() => reads.length).toBe(2);
    reads[1]?.();
    await settle();
    expect(await current.hasGroupingPolicy('bob', 'user')).toBe(true);
    await write(() => own.deleteRoleForUser('bob', 'user'));
    expect(reads).toHaveLength(2);
  });

  test('does not call back for what the callback writes itself, which would have no end', async () => {
    const { pool, live, watcher, own, errors, write } = await open();
    let calls = 0;
    watcher.setUpdateCallback(async () => {
      calls += 1;
      await write(() => own.addPolicy('auditor', `call ${calls}`, 'read'));
    });
    await pool.query(insert, ['["alice", "user"]']);
    await expect.poll(() => calls).toBe(1);
    await expect.poll(() => own.hasPolicy('auditor', 'call 1', 'read')).toBe(true);
    await live.caughtUp();
    await settle();
    await live.caughtUp();
    await settle();
    expect([calls, errors]).toEqual([1, []]);
  });

  test('makes it load after each change without a journal, because the origin of a change is not known', async () => {
    const { live, own, loads } = await open({ journal: false });
    await own.addPolicy('user', 'reports', 'read');
    await live.caughtUp();
    await expect.poll(() => loads.count).toBe(1);
    expect((await own.getPolicy()).filter(([, object]) => object === 'reports')).toHaveLength(1);
  });

  test('serves an enforcer that knows no WatcherEx', async () => {
    const { live, own, loads } = await open({ isEx: false });
    await own.addPolicy('user', 'reports', 'read');
    await live.caughtUp();
    await expect.poll(() => loads.count).toBe(1);
    await own.removeFilteredPolicy(1, 'reports');
    await live.caughtUp();
    await expect.poll(() => loads.count).toBe(2);
    expect((await own.getPolicy()).toSorted()).toEqual((await live.getPolicy()).toSorted());
  });

  test('never has it load twice at a time', async () => {
    const { pool, live, watcher } = await open();
    let [running, most, calls] = [0, 0, 0];
    watcher.setUpdateCallback(async () => {
      running += 1;
      calls += 1;
      most = Math.max(most, running);
      await pool.query('select pg_sleep(0.05)');
      running -= 1;
    });
    for (const user of ['a', 'b', 'c', 'd', 'e', 'f']) {
      await pool.query(insert, [JSON.stringify([user, 'user'])]);
      await live.caughtUp();
    }
    await expect.poll(() => [running, calls > 1]).toEqual([0, true]);
    expect(most).toBe(1);
  });

  test('passes the change to the callback, and reports its errors to the live enforcer', async () => {
    const { pool, live, watcher, errors } = await open();
    const heard: unknown[] = [];
    watcher.setUpdateCallback((change) => {
      heard.push(change);
      throw new Error('of the application');
    });
    await pool.query(insert, ['["alice", "user"]']);
    await live.caughtUp();
    await expect.poll(() => errors).toMatchObject([{ message: 'of the application' }]);
    expect(heard).toEqual([
      { reloaded: false, added: [{ ptype: 'g', values: ['alice', 'user'] }], removed: [] },
    ]);
  });

  test('makes no calls after it is closed, and its methods end', async () => {
    const { pool, live, watcher, own, loads } = await open();
    {
      using _closed = watcher;
    }
    await pool.query(insert, ['["alice", "user"]']);
    await live.caughtUp();
    await settle();
    expect(loads.begun).toBe(0);
    expect(await watcher.update()).toBe(false);
    await live.close();
    expect(await watcher.update()).toBe(false);
    expect(await watcher.updateForSavePolicy(own.getModel())).toBe(false);
    await watcher.updateForRemoveFilteredPolicy('g', 'g', 0, 'alice');
    await watcher.updateForAddPolicies('g', 'g', ['bob', 'user']);
    await watcher.updateForRemovePolicies('g', 'g', ['bob', 'user']);
  });

  test('does not make it load its own changes after the live enforcer was closed, which does not see them', async () => {
    const { live, watcher, loads } = await open();
    await live.close();
    await watcher.updateForAddPolicy('g', 'g', 'alice', 'user');
    await settle();
    expect(loads.begun).toBe(0);
  });

  /** Each user gets a role by itself, while the callback for the first one runs. */
  async function insertDuringCallback(users: readonly string[]) {
    const { pool, live, watcher } = await open();
    const calls: PolicyChange[] = [];
    let finish = () => {};
    watcher.setUpdateCallback((change) => {
      calls.push(change);
      return new Promise((resolve) => {
        finish = resolve;
      });
    });
    for (const user of users) {
      await pool.query(insert, [JSON.stringify([user, 'user'])]);
      await live.caughtUp();
      await settle();
    }
    return { watcher, calls, finish: () => finish() };
  }

  test('calls back once for several changes during a callback, and says that anything may have changed', async () => {
    const { calls, finish } = await insertDuringCallback(['alice', 'bob', 'carol']);
    finish();
    await settle();
    finish();
    await settle();
    expect(calls).toEqual([
      { reloaded: false, added: [{ ptype: 'g', values: ['alice', 'user'] }], removed: [] },
      { reloaded: true, added: [], removed: [] },
    ]);
  });

  test('calls nobody back for what waited for a callback when it was closed', async () => {
    const { watcher, calls, finish } = await insertDuringCallback(['alice', 'bob']);
    watcher.close();
    finish();
    await settle();
    expect(calls).toHaveLength(1);
  });

  test('needs a live enforcer', async () => {
    const plain: Enforcer = await newEnforcer();
    expect(() => createWatcher(plain as never)).toThrow('must be a live enforcer. Make one: ');
  });
});
