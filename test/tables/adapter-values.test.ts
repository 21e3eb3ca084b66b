import { newEnforcer } from 'casbin';
import { beforeAll, beforeEach, expect, it } from 'vitest';
import { createAdapter } from '../../src/tables/adapter.ts';
import { firstMatchModel, rbacModel, twofoldModel } from '../casbin/models.fixture.ts';
import { useDatabase } from '../support/database.ts';
import { countRules, createRuleTable, storedRules } from './rule-table.fixture.ts';

const database = useDatabase();
const pool = database.pool();
const adapter = createAdapter(pool);

beforeAll(() => createRuleTable(pool));
beforeEach(() => pool.query('truncate casbin restart identity'));

it.each([
  ['a comma', 'a,b'],
  ['a comma and a blank', 'a, b'],
  ['an open bracket', 'f(x'],
  ['a closing bracket', 'f)x'],
  ['quotes around it', '"quoted"'],
  ['doubled quotes', 'a""b'],
  ['a single quote', "o'brien"],
  ['a leading blank', ' admin'],
  ['a trailing blank', 'admin '],
  ['a line break', 'two\nlines'],
  ['a carriage return', 'two\r\nlines'],
  ['a tab', '\ttabbed'],
  ['a backslash', 'C:\\new\\table'],
  ['braces and nulls as in an array literal', '{NULL,"x"}'],
  ['a hash', '# no comment'],
  ['nothing at all', ''],
  ['emoji', '👩‍💻'],
  ['a placeholder', '$1'],
])('keeps a value with %s as it is', async (_, value) => {
  const enforcer = await newEnforcer(rbacModel(), adapter);
  await enforcer.addPolicy(value, value, 'read');
  await enforcer.addGroupingPolicy('alice', value);
  await enforcer.loadPolicy();
  expect(await enforcer.getPolicy()).toEqual([[value, value, 'read']]);
  expect(await enforcer.getGroupingPolicy()).toEqual([['alice', value]]);
  expect(await enforcer.enforce('alice', value, 'read')).toBe(true);
  await enforcer.removePolicy(value, value, 'read');
  await enforcer.removeGroupingPolicy('alice', value);
  expect(await countRules(pool)).toBe(0);
});

it.each(['like:%', 'regex:.*', ''])('removes only the rule whose value is %j', async (value) => {
  await adapter.addPolicies('p', 'p', [
    [value, 'data1', 'read'],
    ['alice', 'data1', 'read'],
    ['bob', 'data1', 'read'],
  ]);
  await adapter.removePolicy('p', 'p', [value, 'data1', 'read']);
  expect(await storedRules(pool)).toEqual([
    ['p', 'alice', 'data1', 'read'],
    ['p', 'bob', 'data1', 'read'],
  ]);
});

it('removes a rule and not a longer one that begins like it', async () => {
  await adapter.addPolicies('p', 'p', [
    ['alice', 'data1', 'read'],
    ['alice', 'data1', 'read', 'deny'],
  ]);
  await adapter.removePolicy('p', 'p', ['alice', 'data1', 'read']);
  expect(await storedRules(pool)).toEqual([['p', 'alice', 'data1', 'read', 'deny']]);
});

it('removes by some values without taking any of them for a pattern', async () => {
  await adapter.addPolicies('p', 'p', [
    ['like:%', 'data1', 'read'],
    ['alice', 'like:%', 'read'],
    ['alice', 'data1', 'read'],
  ]);
  await adapter.removeFilteredPolicy('p', 'p', 1, 'like:%');
  await adapter.removeFilteredPolicy('p', 'p', 0, 'like:%', '', 'read');
  expect(await storedRules(pool)).toEqual([['p', 'alice', 'data1', 'read']]);
});

it.each([
  { fieldIndex: 0, values: [], why: 'no values are given' },
  { fieldIndex: -1, values: ['read'], why: 'the model has no such field, which Casbin gives as -1' },
  { fieldIndex: 3, values: ['read'], why: 'no rule is as long' },
])('removes nothing when $why', async ({ fieldIndex, values }) => {
  await adapter.addPolicy('p', 'p', ['alice', 'data1', 'read']);
  await adapter.removeFilteredPolicy('p', 'p', fieldIndex, ...values);
  expect(await countRules(pool)).toBe(1);
});

it('removes every rule of a ptype, and of no other, when any value will do', async () => {
  await adapter.addPolicy('p', 'p', ['alice', 'data1', 'read']);
  await adapter.addPolicy('g', 'g', ['alice', 'reader']);
  await adapter.removeFilteredPolicy('p', 'p', 0, '', '');
  expect(await storedRules(pool)).toEqual([['g', 'alice', 'reader']]);
});

it('keeps the same values under two ptypes apart', async () => {
  const enforcer = await newEnforcer(twofoldModel(), adapter);
  await enforcer.addNamedGroupingPolicy('g', 'a', 'b');
  await enforcer.addNamedGroupingPolicy('g2', 'a', 'b');
  await enforcer.addNamedPolicy('p2', 'a', 'b');
  await enforcer.removeNamedGroupingPolicy('g', 'a', 'b');
  await enforcer.loadPolicy();
  expect(await enforcer.getNamedGroupingPolicy('g')).toEqual([]);
  expect(await enforcer.getNamedGroupingPolicy('g2')).toEqual([['a', 'b']]);
  expect(await enforcer.getNamedPolicy('p2')).toEqual([['a', 'b']]);
});

it('loads in the order of the ids, wherever PostgreSQL keeps the rows', async () => {
  await adapter.addPolicies('p', 'p', [
    ['alice', 'data1', 'read', 'deny'],
    ['alice', 'data1', 'read', 'allow'],
  ]);
  // an update moves the row behind the others
  await pool.query(`update casbin set ptype = ptype where id = 1`);
  const enforcer = await newEnforcer(firstMatchModel(), adapter);
  expect(await enforcer.enforce('alice', 'data1', 'read')).toBe(false);
});

it.each([
  ['a NUL character', 'VALUE_UNSTORABLE', 'a\0b'],
  ['half of a surrogate pair', 'VALUE_UNSTORABLE', 'a\ud83d'],
  ['a number', 'RULE_INVALID', JSON.parse('1')],
  ['nothing at all', 'RULE_INVALID', undefined],
  ['null', 'RULE_INVALID', JSON.parse('null')],
  ['a BigInt', 'RULE_INVALID', Object(1n).valueOf()],
  ['a symbol', 'RULE_INVALID', Object(Symbol('x')).valueOf()],
  ['an object that refers to itself', 'RULE_INVALID', Object(globalThis)],
])('refuses a rule with %s before it reaches the database', async (_, code, value) => {
  await adapter.addPolicy('p', 'p', ['alice', 'data1', 'read']);
  const bad = ['alice', value, 'read'];
  const model = rbacModel();
  model.addPolicy('p', 'p', bad);
  const refusal = { code: 'INVALID_OPTIONS', problems: [{ code, at: expect.stringContaining('rule') }] };
  await expect(adapter.addPolicies('p', 'p', [['bob', 'data1', 'read'], bad])).rejects.toMatchObject(refusal);
  await expect(adapter.updatePolicy('p', 'p', ['alice', 'data1', 'read'], bad)).rejects.toMatchObject(
    refusal,
  );
  await expect(adapter.removePolicy('p', 'p', bad)).rejects.toMatchObject(refusal);
  await expect(adapter.savePolicy(model)).rejects.toMatchObject(refusal);
  expect(await storedRules(pool)).toEqual([['p', 'alice', 'data1', 'read']]);
});

it.each([
  ['null', () => adapter.addPolicy('p', 'p', JSON.parse('null'))],
  ['a text', () => adapter.addPolicy('p', 'p', JSON.parse('"alice"'))],
  ['a null among others', () => adapter.addPolicies('p', 'p', [['a'], JSON.parse('null')])],
  ['a ptype that is a number', () => adapter.addPolicy('p', JSON.parse('1'), ['a'])],
  ['a removal of null', () => adapter.removePolicy('p', 'p', JSON.parse('null'))],
  ['an update to null', () => adapter.updatePolicy('p', 'p', ['a'], JSON.parse('null'))],
])('refuses %s in the place of a rule', async (_, call) => {
  await expect(call()).rejects.toMatchObject({
    code: 'INVALID_OPTIONS',
    problems: [{ code: 'RULE_INVALID', at: expect.stringMatching(/^rule [12]$/) }],
  });
});

it('refuses a rule without values', async () => {
  await expect(adapter.addPolicy('p', 'p', [])).rejects.toMatchObject({
    code: 'INVALID_OPTIONS',
    problems: [{ code: 'RULE_INVALID', at: 'rule 1' }],
  });
});

it('names every stored row that is not a rule, and loads nothing', async () => {
  await pool.query(`
    insert into casbin (ptype, rule)
    values ('p', '["alice", "data1", "read"]'), ('p', '{"sub": "alice"}'), ('g', '["alice", 7]'), ('g', '"alice"'), ('p', '[null]')`);
  const model = rbacModel();
  const error = await adapter.loadPolicy(model).catch((thrown) => thrown);
  expect(error).toMatchObject({ code: 'STORED_RULE_INVALID', ids: [2, 3, 4, 5] });
  expect(error.message).toContain(
    'id 2: rule is an object; id 3: value 2 is a number; id 4: rule is a string; id 5: value 1 is null',
  );
  expect(model.getPolicy('p', 'p')).toEqual([]);
});

it('refuses a filter that is not made of values', async () => {
  const filter = JSON.parse('{ "p": "alice", "g": [1] }');
  await expect(adapter.loadFilteredPolicy(rbacModel(), filter)).rejects.toMatchObject({
    code: 'INVALID_OPTIONS',
    problems: [{ code: 'OPTION_INVALID', at: 'filter.p' }],
  });
});
