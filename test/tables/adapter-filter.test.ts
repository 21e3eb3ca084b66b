import { beforeAll, beforeEach, expect, it } from 'vitest';
import { createAdapter } from '../../src/tables/adapter.ts';
import { rbacModel } from '../casbin/models.fixture.ts';
import { useDatabase } from '../support/database.ts';
import { createRuleTable, storedRules } from './rule-table.fixture.ts';

const database = useDatabase();
const pool = database.pool();

beforeAll(() => createRuleTable(pool));
beforeEach(async () => {
  await pool.query('truncate casbin restart identity');
  await createAdapter(pool).addPolicies('p', 'p', [
    ['a', 'data'],
    ['b', 'data'],
    ['a', 'logs'],
  ]);
});

it.each([[{ p: [1] }], [{ p: ['a', {}] }], [{ p: 'a' }]])(
  'refuses a filter of a wrong shape: %j',
  async (filter) => {
    const adapter = createAdapter(pool);
    await expect(adapter.loadFilteredPolicy(rbacModel(), Object(filter))).rejects.toMatchObject({
      code: 'INVALID_OPTIONS',
      problems: [
        {
          code: 'OPTION_INVALID',
          at: 'filter.p',
          message: 'is not an array of strings. Give one value a field, and null where any will do.',
        },
      ],
    });
  },
);

it('has loaded a part until everything is loaded, or somebody says otherwise', async () => {
  const adapter = createAdapter(pool);
  expect(adapter.isFiltered()).toBe(false);
  await adapter.loadFilteredPolicy(rbacModel(), { p: ['a'] });
  expect(adapter.isFiltered()).toBe(true);
  await adapter.loadFilteredPolicy(rbacModel());
  expect(adapter.isFiltered()).toBe(false);
  await adapter.loadFilteredPolicy(rbacModel(), { p: ['a'] });
  adapter.enabledFiltered(false);
  expect(adapter.isFiltered()).toBe(false);
  adapter.enabledFiltered(true);
  await adapter.loadPolicy(rbacModel());
  expect(adapter.isFiltered()).toBe(true);
});

it('has loaded a part while a load fails', async () => {
  const adapter = createAdapter(pool);
  await pool.query(`insert into casbin (ptype, rule) values ('p', '{}')`);
  await expect(adapter.loadPolicy(rbacModel())).rejects.toMatchObject({ code: 'STORED_RULE_INVALID' });
  expect(adapter.isFiltered()).toBe(true);
});

it('refuses to remove by a value that can not be stored', async () => {
  const adapter = createAdapter(pool);
  await expect(adapter.removeFilteredPolicy('p', 'p', 0, 'a\0')).rejects.toMatchObject({
    code: 'INVALID_OPTIONS',
  });
  await adapter.removeFilteredPolicy('p', 'p', 0, 'a', '');
  expect(await storedRules(pool)).toEqual([['p', 'b', 'data']]);
});
