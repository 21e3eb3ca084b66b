import { newEnforcer } from 'casbin';
import { beforeAll, beforeEach, expect, it } from 'vitest';
import { createAdapter } from '../../src/tables/adapter.ts';
import { aclModel, rbacModel, twofoldModel } from '../casbin/models.fixture.ts';
import { useDatabase } from '../support/database.ts';
import { countRules, createRuleTable, manyRules, storedRules } from './rule-table.fixture.ts';

const database = useDatabase();
const pool = database.pool();

beforeAll(() => createRuleTable(pool));
beforeEach(() => pool.query('truncate casbin restart identity'));

function modelOf(rules: string[][]) {
  const model = rbacModel();
  model.model
    .get('p')
    ?.get('p')
    ?.policy.push(...rules);
  return model;
}

it('saves a full policy without having to be told that it is one', async () => {
  const adapter = createAdapter(pool);
  await adapter.addPolicy('p', 'p', ['reader', 'data1', 'read']);
  const enforcer = await newEnforcer(rbacModel(), adapter);
  expect(await enforcer.savePolicy()).toBe(true);
  await enforcer.loadFilteredPolicy({ p: ['nobody'] });
  await expect(enforcer.savePolicy()).rejects.toThrow('filtered');
  await enforcer.loadPolicy();
  expect(await enforcer.savePolicy()).toBe(true);
  expect(await storedRules(pool)).toEqual([['p', 'reader', 'data1', 'read']]);
});

it('does not let an enforcer save what a failed load has left it', async () => {
  const adapter = createAdapter(pool);
  await adapter.addPolicy('p', 'p', ['reader', 'data1', 'read']);
  const enforcer = await newEnforcer(rbacModel(), adapter);
  await pool.query(`insert into casbin (ptype, rule) values ('p', '{}')`);
  await expect(enforcer.loadPolicy()).rejects.toMatchObject({ code: 'STORED_RULE_INVALID' });
  await expect(enforcer.savePolicy()).rejects.toThrow('filtered');
});

it('stays filtered when the caller says so', async () => {
  const adapter = createAdapter(pool);
  adapter.enabledFiltered(true);
  await adapter.loadPolicy(rbacModel());
  expect(adapter.isFiltered()).toBe(true);
  adapter.enabledFiltered(false);
  expect(adapter.isFiltered()).toBe(false);
});

it('saves a model without roles', async () => {
  const model = aclModel();
  model.addPolicy('p', 'p', ['alice', 'data1', 'read']);
  expect(await createAdapter(pool).savePolicy(model)).toBe(true);
  expect(await storedRules(pool)).toEqual([['p', 'alice', 'data1', 'read']]);
});

it('saves a model with several policies and role definitions, in the order of the model', async () => {
  const model = twofoldModel();
  model.addPolicy('g', 'g2', ['a', 'b']);
  model.addPolicy('g', 'g', ['a', 'b']);
  model.addPolicy('p', 'p2', ['z', 'read']);
  model.addPolicy('p', 'p', ['z', 'data1', 'read']);
  model.addPolicy('p', 'p', ['a', 'data1', 'read']);
  await createAdapter(pool).savePolicy(model);
  expect(await storedRules(pool)).toEqual([
    ['p', 'z', 'data1', 'read'],
    ['p', 'a', 'data1', 'read'],
    ['p2', 'z', 'read'],
    ['g', 'a', 'b'],
    ['g2', 'a', 'b'],
  ]);
});

it('saves a rule once that a model holds twice', async () => {
  await createAdapter(pool).savePolicy(modelOf([['a'], ['b'], ['a']]));
  expect(await storedRules(pool)).toEqual([
    ['p', 'a'],
    ['p', 'b'],
  ]);
});

it('says that it has saved an empty policy', async () => {
  const adapter = createAdapter(pool);
  await adapter.addPolicy('p', 'p', ['alice', 'data1', 'read']);
  expect(await adapter.savePolicy(rbacModel())).toBe(true);
  expect(await countRules(pool)).toBe(0);
});

it('leaves the policy of one of two who save at the same moment, never a mixture', async () => {
  const adapter = createAdapter(pool);
  const policies = ['x', 'y'].map((name) => manyRules(500).map((rule) => [...rule, name]));
  for (let round = 0; round < 5; round++) {
    await Promise.all(policies.map((rules) => adapter.savePolicy(modelOf(rules))));
    const stored = (await storedRules(pool)).map(([, ...values]) => values);
    expect(policies).toContainEqual(stored);
  }
});
