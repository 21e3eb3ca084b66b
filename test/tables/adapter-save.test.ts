import { newEnforcer } from 'casbin';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createAdapter } from '../../src/tables/adapter.ts';
import { aclModel, rbacModel, rbacModelWith, twofoldModel } from '../casbin/models.fixture.ts';
import { useDatabase } from '../support/database.ts';
import { createLayouts, LAYOUTS } from './layouts.fixture.ts';
import { countRules, manyRules, storedRules } from './rule-table.fixture.ts';

const database = useDatabase();
const pool = database.pool();

beforeAll(() => createLayouts(pool));
describe.each(LAYOUTS)('in a table of layout $name', (layout) => {
  beforeEach(() => pool.query(`truncate ${layout.table} restart identity`));

  it('saves a full policy without enabledFiltered(false)', async () => {
    const adapter = createAdapter(pool, layout.options);
    await adapter.addPolicy('p', 'p', ['reader', 'data1', 'read']);
    const enforcer = await newEnforcer(rbacModel(), adapter);
    expect(await enforcer.savePolicy()).toBe(true);
    await enforcer.loadFilteredPolicy({ p: ['nobody'] });
    await expect(enforcer.savePolicy()).rejects.toThrow('filtered');
    await enforcer.loadPolicy();
    expect(await enforcer.savePolicy()).toBe(true);
    expect(await storedRules(pool, layout.table)).toEqual([['p', 'reader', 'data1', 'read']]);
  });

  it('does not let an enforcer save after a failed load', async () => {
    const adapter = createAdapter(pool, layout.options);
    await adapter.addPolicy('p', 'p', ['reader', 'data1', 'read']);
    const enforcer = await newEnforcer(rbacModel(), adapter);
    await pool.query(`update ${layout.table} set ${layout.spoil}`);
    await expect(enforcer.loadPolicy()).rejects.toMatchObject({ code: 'STORED_RULE_INVALID' });
    await expect(enforcer.savePolicy()).rejects.toThrow('filtered');
  });

  it('stays filtered when the caller says so', async () => {
    const adapter = createAdapter(pool, layout.options);
    adapter.enabledFiltered(true);
    await adapter.loadPolicy(rbacModel());
    expect(adapter.isFiltered()).toBe(true);
    adapter.enabledFiltered(false);
    expect(adapter.isFiltered()).toBe(false);
  });

  it('saves a model without roles', async () => {
    const model = aclModel();
    model.addPolicy('p', 'p', ['alice', 'data1', 'read']);
    expect(await createAdapter(pool, layout.options).savePolicy(model)).toBe(true);
    expect(await storedRules(pool, layout.table)).toEqual([['p', 'alice', 'data1', 'read']]);
  });

  it('saves a model with several policies and role definitions, in the order of the model', async () => {
    const model = twofoldModel();
    model.addPolicy('g', 'g2', ['a', 'b']);
    model.addPolicy('g', 'g', ['a', 'b']);
    model.addPolicy('p', 'p2', ['z', 'read']);
    model.addPolicy('p', 'p', ['z', 'data1', 'read']);
    model.addPolicy('p', 'p', ['a', 'data1', 'read']);
    await createAdapter(pool, layout.options).savePolicy(model);
    expect(await storedRules(pool, layout.table)).toEqual([
      ['p', 'z', 'data1', 'read'],
      ['p', 'a', 'data1', 'read'],
      ['p2', 'z', 'read'],
      ['g', 'a', 'b'],
      ['g2', 'a', 'b'],
    ]);
  });

  it('saves a rule once that a model holds twice', async () => {
    await createAdapter(pool, layout.options).savePolicy(rbacModelWith([['a'], ['b'], ['a']]));
    expect(await storedRules(pool, layout.table)).toEqual([
      ['p', 'a'],
      ['p', 'b'],
    ]);
  });

  it('says that it has saved an empty policy', async () => {
    const adapter = createAdapter(pool, layout.options);
    await adapter.addPolicy('p', 'p', ['alice', 'data1', 'read']);
    expect(await adapter.savePolicy(rbacModel())).toBe(true);
    expect(await countRules(pool, layout.table)).toBe(0);
  });

  it('leaves one of two policies that are saved at the same moment, never a mixture', async () => {
    const adapter = createAdapter(pool, layout.options);
    const policies = ['x', 'y'].map((name) => manyRules(500).map((rule) => [...rule, name]));
    for (let round = 0; round < 5; round++) {
      await Promise.all(policies.map((rules) => adapter.savePolicy(rbacModelWith(rules))));
      const stored = (await storedRules(pool, layout.table)).map(([, ...values]) => values);
      expect(policies).toContainEqual(stored);
    }
  });
});
