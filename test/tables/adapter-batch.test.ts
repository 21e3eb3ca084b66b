import { isDeepStrictEqual } from 'node:util';
import { newEnforcer } from 'casbin';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createAdapter } from '../../src/tables/adapter.ts';
import { rbacModel } from '../casbin/models.fixture.ts';
import { useDatabase } from '../support/database.ts';
import { createLayouts, LAYOUTS } from './layouts.fixture.ts';
import { countRules, manyRules, storedRules, unindexableValue, untilWaiting } from './rule-table.fixture.ts';

const database = useDatabase();
const pool = database.pool({ max: 16 });

beforeAll(() => createLayouts(pool));
describe.each(LAYOUTS)('in a table of layout $name', (layout) => {
  const adapter = createAdapter(pool, layout.options);

  beforeEach(() => pool.query(`truncate ${layout.table} restart identity`));

  it('adds and removes many rules at once through an enforcer', async () => {
    const enforcer = await newEnforcer(rbacModel(), adapter);
    const rules = manyRules(100);
    expect(await enforcer.addPolicies(rules)).toBe(true);
    expect(await storedRules(pool, layout.table)).toEqual(rules.map((rule) => ['p', ...rule]));
    expect(await enforcer.removePolicies(rules.slice(1))).toBe(true);
    expect(await storedRules(pool, layout.table)).toEqual([['p', 'role0', 'data0', 'read']]);
  });

  it('adds only missing rules, in the given order, and uses no ids for the others', async () => {
    await adapter.addPolicies('p', 'p', [['b'], ['d']]);
    await adapter.addPolicies('p', 'p', [['z'], ['d'], ['a'], ['b'], ['a'], ['c']]);
    const { rows } = await pool.query(`select id, ${layout.first} as value from ${layout.table} order by id`);
    expect(rows).toEqual([
      { id: 1, value: 'b' },
      { id: 2, value: 'd' },
      { id: 3, value: 'z' },
      { id: 4, value: 'a' },
      { id: 5, value: 'c' },
    ]);
  });

  it('adds and removes 20,000 rules', async () => {
    const rules = manyRules(20_000);
    await adapter.addPolicies('p', 'p', rules);
    expect(await countRules(pool, layout.table)).toBe(20_000);
    const model = rbacModel();
    await adapter.loadPolicy(model);
    // Vitest's own comparison takes ten times as long as all the rest
    expect(isDeepStrictEqual(model.getPolicy('p', 'p'), rules)).toBe(true);
    await adapter.removePolicies('p', 'p', rules);
    expect(await countRules(pool, layout.table)).toBe(0);
  });

  it('adds all of the rules or none', async () => {
    const rules = [...manyRules(20_000), [unindexableValue(), 'data1', 'read']];
    await expect(adapter.addPolicies('p', 'p', rules)).rejects.toMatchObject({ code: 'RULE_TOO_LONG' });
    expect(await countRules(pool, layout.table)).toBe(0);
  });

  it('stores a rule once when 16 add it at the same moment', async () => {
    const rules = manyRules(500);
    await Promise.all(Array.from({ length: 16 }, () => adapter.addPolicies('p', 'p', rules)));
    expect(await storedRules(pool, layout.table)).toEqual(rules.map((rule) => ['p', ...rule]));
  });

  it('does not deadlock when two remove the same rules in different orders', async () => {
    // what PostgreSQL plans for a large table: rule after rule, by the index
    const planned = createAdapter(
      database.pool({ options: '-c enable_hashjoin=off -c enable_mergejoin=off' }),
      layout.options,
    );
    await adapter.addPolicies('p', 'p', [['a'], ['b'], ['c']]);
    const obstacle = await pool.connect();
    await obstacle.query('begin');
    await obstacle.query(`select from ${layout.table} where ${layout.first} = 'b' for update`);
    const removing = [
      planned.removePolicies('p', 'p', [['a'], ['b'], ['c']]),
      planned.removePolicies('p', 'p', [['c'], ['b'], ['a']]),
    ];
    await untilWaiting(pool, 2);
    await obstacle.query('rollback');
    obstacle.release();
    await Promise.all(removing);
    expect(await countRules(pool, layout.table)).toBe(0);
  });

  it('locks the rules that it removes by their ids, in whatever order they are given and stored', async () => {
    await adapter.addPolicies('p', 'p', [['a'], ['b'], ['c'], ['d']]);
    // An update moves a row behind all others.
    for (const id of [3, 2, 1])
      await pool.query(`update ${layout.table} set ptype = ptype where id = $1`, [id]);
    const [obstacle, observer] = [await pool.connect(), await pool.connect()];
    await obstacle.query('begin');
    await obstacle.query(`select from ${layout.table} where id = 3 for update`);

    const removing = adapter.removePolicies('p', 'p', [['d'], ['b'], ['c'], ['a']]);
    await untilWaiting(pool, 1);
    await observer.query('begin');
    const { rows } = await observer.query(
      `select id from ${layout.table} order by id for update skip locked`,
    );
    await observer.query('rollback');
    await obstacle.query('rollback');
    for (const client of [obstacle, observer]) client.release();
    await removing;

    expect(rows, 'what is not locked yet').toEqual([{ id: 4 }]);
    expect(await countRules(pool, layout.table)).toBe(0);
  });

  it.each(['removePolicies', 'savePolicy', 'updatePolicy'] as const)(
    'lets one who removes by a filter and one who calls %s not wait for each other',
    async (other) => {
      await adapter.addPolicies('p', 'p', [['a'], ['b'], ['c']]);
      // an update moves the row behind the others, where a filter comes to it last
      await pool.query(`update ${layout.table} set ptype = ptype where ${layout.first} = 'a'`);
      const obstacle = await pool.connect();
      await obstacle.query('begin');
      await obstacle.query(`select from ${layout.table} where ${layout.first} = 'b' for update`);
      const filtering = adapter.removeFilteredPolicy('p', 'p', 0, '');
      await untilWaiting(pool, 1);
      const others = {
        removePolicies: () => adapter.removePolicies('p', 'p', [['a'], ['b'], ['c']]),
        savePolicy: () => adapter.savePolicy(rbacModel()),
        updatePolicy: () => adapter.updatePolicy('p', 'p', ['a'], ['b']),
      };
      const changing = others[other]();
      await untilWaiting(pool, 2);
      await obstacle.query('rollback');
      obstacle.release();
      await Promise.all([filtering, changing]);
      expect(await countRules(pool, layout.table)).toBe(0);
    },
  );
});
