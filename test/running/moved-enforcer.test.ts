import { newModel } from 'casbin';
import { describe, expect, test } from 'vitest';
import { bootstrapDatabase, type LiveEnforcerOptions } from '../../src/index.ts';
import type { MovedEnforcer } from '../../src/running/moved-enforcer.ts';
import { createBootstrapped } from '../bootstrap/bootstrapped.fixture.ts';
import { modelText } from '../casbin/models.fixture.ts';
import { createDatabase } from '../support/database.ts';
import { follow, openJournaled, withMore } from './live.fixture.ts';

describe('a live enforcer', () => {
  test('still decides after it was closed, and says so', async () => {
    const { live } = await openJournaled();
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
    const { live } = await openJournaled({ whenStale: 'deny', ...options });
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
    const { live, database } = await openJournaled();
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
    const { live, database } = await openJournaled();
    const pool = database.pool();
    await pool.query(`insert into casbin (ptype, rule) values ('p9', '["alice"]')`);
    await expect(live.addPolicy('admin', 'accounts', 'fly')).rejects.toMatchObject({
      code: 'RULES_DO_NOT_FIT_MODEL',
    });
    const { rowCount } = await pool.query(`select from casbin where rule ->> 2 = 'fly'`);
    expect(rowCount).toBe(1);
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
    const { live, database } = await openJournaled({
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
    const { live } = await openJournaled({
      configureEnforcer(enforcer) {
        enforcer.setEffector({
          newStream: () => ({ current: () => false, pushEffect: () => [false, false, true] }),
        });
      },
    });
    expect(await live.enforce('admin', 'accounts', 'read')).toBe(false);
  });

  test('has the settings of configureEnforcer, until the application changes them', async () => {
    const { live } = await openJournaled({
      configureEnforcer(enforcer) {
        enforcer.enableAcceptJsonRequest(true);
        enforcer.enableEnforce(false);
      },
    });
    expect(await live.enforce('nobody', 'accounts', 'write')).toBe(true);
    live.enableEnforce(true);
    expect(await live.addPolicy('7', 'accounts', 'read')).toBe(true);
    expect(await live.enforce('"7"', '"accounts"', '"read"')).toBe(true);
    expect(await live.enforce('nobody', 'accounts', 'write')).toBe(false);
  });

  test('takes a matcher of its own for a request', async () => {
    const { live } = await openJournaled();
    expect(await live.enforceWithMatcher('r.obj == p.obj', 'nobody', 'accounts', 'x')).toBe(true);
    expect(await live.enforceExWithMatcher('r.obj == p.obj', 'nobody', 'nothing', 'x')).toEqual([false, []]);
  });

  test('decides by such a matcher on the policy that it had when it was asked', async () => {
    const { live } = await openJournaled();
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

  test('saves nothing over what others have written since', async () => {
    const { live, database } = await openJournaled();
    const pool = database.pool();
    await pool.query('alter table casbin disable trigger user');
    await pool.query(`insert into casbin (ptype, rule) values ('g', '["alice", "user"]')`);
    expect(await live.savePolicy()).toBe(true);
    const { rows } = await pool.query(`select count(*)::int as links from casbin where rule ->> 0 = 'alice'`);
    expect(rows).toEqual([{ links: 1 }]);
    expect(live.enforceSync('alice', 'accounts', 'read')).toBe(true);
  });

  test('refuses what would leave it with another policy', async () => {
    const { live } = await openJournaled();
    expect(() => live.clearPolicy()).toThrow('removePolicies');
    expect(() => live.setModel(live.getModel())).toThrow('with that model');
    await expect(live.loadFilteredPolicy({})).rejects.toThrow('createEnforcer');
    await expect(live.loadIncrementalFilteredPolicy({})).rejects.toThrow('createEnforcer');
    await live.buildRoleLinks();
    expect(live.enforceSync('admin', 'accounts', 'read')).toBe(true);
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
});
