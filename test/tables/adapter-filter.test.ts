import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createAdapter } from '../../src/tables/adapter.ts';
import { rbacModel } from '../casbin/models.fixture.ts';
import { useDatabase } from '../support/database.ts';
import { createLayouts, LAYOUTS } from './layouts.fixture.ts';
import { storedRules } from './rule-table.fixture.ts';

const database = useDatabase();
const pool = database.pool();

beforeAll(() => createLayouts(pool));
describe.each(LAYOUTS)('in a table of layout $name', (layout) => {
  beforeEach(async () => {
    await pool.query(`truncate ${layout.table} restart identity`);
    await createAdapter(pool, layout.options).addPolicies('p', 'p', [
      ['a', 'data'],
      ['b', 'data'],
      ['a', 'logs'],
    ]);
  });

  it.each([[{ p: [1] }], [{ p: ['a', {}] }], [{ p: 'a' }]])(
    'refuses a filter of a wrong shape: %j',
    async (filter) => {
      const adapter = createAdapter(pool, layout.options);
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

  it('counts as filtered until everything is loaded, or enabledFiltered is called', async () => {
    const adapter = createAdapter(pool, layout.options);
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
    const adapter = createAdapter(pool, layout.options);
    await pool.query(`update ${layout.table} set ${layout.spoil} where id = 2`);
    await expect(adapter.loadPolicy(rbacModel())).rejects.toMatchObject({ code: 'STORED_RULE_INVALID' });
    expect(adapter.isFiltered()).toBe(true);
  });

  it.each(['\ud800', 'a\0'])('refuses to load by a value that can not be stored: %j', async (value) => {
    const adapter = createAdapter(pool, layout.options);
    // The driver would send another character in its place, which a rule may have.
    await adapter.addPolicy('p', 'p', ['\ufffd', 'data']);
    await expect(adapter.loadFilteredPolicy(rbacModel(), { p: [value] })).rejects.toMatchObject({
      code: 'INVALID_OPTIONS',
      problems: [{ code: 'OPTION_INVALID', at: 'filter.p' }],
    });
  });

  it('refuses to remove by a value that can not be stored', async () => {
    const adapter = createAdapter(pool, layout.options);
    await expect(adapter.removeFilteredPolicy('p', 'p', 0, 'a\0')).rejects.toMatchObject({
      code: 'INVALID_OPTIONS',
    });
    await adapter.removeFilteredPolicy('p', 'p', 0, 'a', '');
    expect(await storedRules(pool, layout.table)).toEqual([['p', 'b', 'data']]);
  });
});
