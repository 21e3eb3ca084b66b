import { newEnforcer } from 'casbin';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createAdapter } from '../../src/tables/adapter.ts';
import { firstMatchModel, rbacModel, twofoldModel } from '../casbin/models.fixture.ts';
import { useDatabase } from '../support/database.ts';
import { createLayouts, LAYOUTS } from './layouts.fixture.ts';
import { countRules, storedRules } from './rule-table.fixture.ts';

const database = useDatabase();
const pool = database.pool();

beforeAll(() => createLayouts(pool));
describe.each(LAYOUTS)('in a table of layout $name', (layout) => {
  const adapter = createAdapter(pool, layout.options);

  beforeEach(() => pool.query(`truncate ${layout.table} restart identity`));

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
    expect(await countRules(pool, layout.table)).toBe(0);
  });

  it.each(['like:%', 'regex:.*', ''])('removes only the rule whose value is %j', async (value) => {
    await adapter.addPolicies('p', 'p', [
      [value, 'data1', 'read'],
      ['alice', 'data1', 'read'],
      ['bob', 'data1', 'read'],
    ]);
    await adapter.removePolicy('p', 'p', [value, 'data1', 'read']);
    expect(await storedRules(pool, layout.table)).toEqual([
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
    expect(await storedRules(pool, layout.table)).toEqual([['p', 'alice', 'data1', 'read', 'deny']]);
  });

  it('removes by some values without taking any of them for a pattern', async () => {
    await adapter.addPolicies('p', 'p', [
      ['like:%', 'data1', 'read'],
      ['alice', 'like:%', 'read'],
      ['alice', 'data1', 'read'],
    ]);
    await adapter.removeFilteredPolicy('p', 'p', 1, 'like:%');
    await adapter.removeFilteredPolicy('p', 'p', 0, 'like:%', '', 'read');
    expect(await storedRules(pool, layout.table)).toEqual([['p', 'alice', 'data1', 'read']]);
  });

  it.each([
    { fieldIndex: 0, values: [], why: 'no values are given' },
    { fieldIndex: -1, values: ['read'], why: 'the model has no such field, which Casbin gives as -1' },
    { fieldIndex: 3, values: ['read'], why: 'no rule is as long' },
    { fieldIndex: 20, values: ['read'], why: 'no rule can be as long' },
    { fieldIndex: '0 is not null or 0' as never, values: ['x'], why: 'the field is a text of SQL' },
  ])('removes nothing when $why', async ({ fieldIndex, values }) => {
    await adapter.addPolicy('p', 'p', ['alice', 'data1', 'read']);
    await adapter.removeFilteredPolicy('p', 'p', fieldIndex, ...values);
    expect(await countRules(pool, layout.table)).toBe(1);
  });

  it('removes every rule of a ptype, and of no other, when any value will do', async () => {
    await adapter.addPolicy('p', 'p', ['alice', 'data1', 'read']);
    await adapter.addPolicy('g', 'g', ['alice', 'reader']);
    await adapter.removeFilteredPolicy('p', 'p', 0, '', '');
    expect(await storedRules(pool, layout.table)).toEqual([['g', 'alice', 'reader']]);
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
    await pool.query(`update ${layout.table} set ptype = ptype where id = 1`);
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
    await expect(adapter.addPolicies('p', 'p', [['bob', 'data1', 'read'], bad])).rejects.toMatchObject(
      refusal,
    );
    await expect(adapter.updatePolicy('p', 'p', ['alice', 'data1', 'read'], bad)).rejects.toMatchObject(
      refusal,
    );
    await expect(adapter.removePolicy('p', 'p', bad)).rejects.toMatchObject(refusal);
    await expect(adapter.savePolicy(model)).rejects.toMatchObject(refusal);
    expect(await storedRules(pool, layout.table)).toEqual([['p', 'alice', 'data1', 'read']]);
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

  it('refuses a filter that is not made of values', async () => {
    const filter = JSON.parse('{ "p": "alice", "g": [1] }');
    await expect(adapter.loadFilteredPolicy(rbacModel(), filter)).rejects.toMatchObject({
      code: 'INVALID_OPTIONS',
      problems: [{ code: 'OPTION_INVALID', at: 'filter.p' }],
    });
  });
});

describe('in a table of layout document', () => {
  const adapter = createAdapter(pool, { table: 'casbin' });

  beforeEach(() => pool.query('truncate casbin restart identity'));

  it('keeps empty values, also at the end', async () => {
    const enforcer = await newEnforcer(rbacModel(), adapter);
    await enforcer.addPolicies([
      ['alice', '', ''],
      ['alice', '', 'read'],
      ['', '', ''],
    ]);
    await enforcer.addGroupingPolicy('alice', '');
    await enforcer.loadPolicy();
    expect(await enforcer.getPolicy()).toEqual([
      ['alice', '', ''],
      ['alice', '', 'read'],
      ['', '', ''],
    ]);
    expect(await enforcer.getGroupingPolicy()).toEqual([['alice', '']]);
    await enforcer.removePolicy('alice', '', '');
    await enforcer.removeGroupingPolicy('alice', '');
    expect(await storedRules(pool)).toEqual([
      ['p', 'alice', '', 'read'],
      ['p', '', '', ''],
    ]);
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
});

describe('in a table of layout columns', () => {
  const adapter = createAdapter(pool, { table: 'casbin_rule' });
  const stored = () => storedRules(pool, 'casbin_rule');

  beforeEach(() => pool.query('truncate casbin_rule restart identity'));

  it('keeps empty values before others', async () => {
    const rules = [
      ['', 'data1', 'read'],
      ['alice', '', 'read'],
      ['', '', 'read'],
    ];
    const enforcer = await newEnforcer(rbacModel(), adapter);
    await enforcer.addPolicies(rules);
    await enforcer.loadPolicy();
    expect(await enforcer.getPolicy()).toEqual(rules);
    await enforcer.removePolicy('', '', 'read');
    await enforcer.updatePolicy(['alice', '', 'read'], ['alice', '', 'write']);
    expect(await stored()).toEqual([
      ['p', '', 'data1', 'read'],
      ['p', 'alice', '', 'write'],
    ]);
  });

  it.each([
    ['ends with an empty value', ['alice', 'data1', '']],
    ['has nothing but an empty value', ['']],
    ['has more values than there are columns', ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']],
    ['has a value that is longer than its column', ['alice', 'data1', 'read', 'denied']],
  ])('refuses a rule that %s, and writes nothing', async (_, bad) => {
    await pool.query('alter table casbin_rule alter column v3 type varchar(5)');
    await adapter.addPolicy('p', 'p', ['alice', 'data1']);
    const model = rbacModel();
    model.addPolicy('p', 'p', bad);
    // The table is looked at once.
    const fresh = createAdapter(pool, { table: 'casbin_rule' });
    const refusal = {
      code: 'INVALID_OPTIONS',
      problems: [{ code: 'RULE_DOES_NOT_FIT_TABLE', at: expect.stringMatching(/^rule \d$/) }],
    };
    await expect(fresh.addPolicy('p', 'p', bad)).rejects.toMatchObject(refusal);
    await expect(fresh.addPolicies('p', 'p', [['bob', 'data1'], bad])).rejects.toMatchObject(refusal);
    await expect(fresh.updatePolicy('p', 'p', ['alice', 'data1'], bad)).rejects.toMatchObject(refusal);
    await expect(fresh.savePolicy(model)).rejects.toMatchObject(refusal);
    await fresh.removePolicy('p', 'p', bad);
    expect(await stored()).toEqual([['p', 'alice', 'data1']]);
    await pool.query('alter table casbin_rule alter column v3 type varchar');
  });

  it('takes a rule for stored, whether others have written NULL or nothing behind its values', async () => {
    await pool.query(`
      insert into casbin_rule (ptype, v0, v1, v2, v3)
      values ('g', 'alice', 'reader', null, null), ('g', 'bob', 'reader', '', null), ('p', null, 'data1', '', 'x')`);
    await adapter.addPolicies('g', 'g', [
      ['alice', 'reader'],
      ['bob', 'reader'],
    ]);
    await adapter.addPolicies('p', 'p', [
      ['', 'data1', '', 'x'],
      ['carol', 'data1'],
    ]);
    expect(await countRules(pool, 'casbin_rule')).toBe(4);
    await adapter.updatePolicy('g', 'g', ['bob', 'reader'], ['bob', 'writer']);
    await adapter.removePolicies('g', 'g', [['alice', 'reader']]);
    await adapter.removePolicies('p', 'p', [
      ['carol', 'data1'],
      ['', 'data1', '', 'x'],
    ]);
    expect(await stored()).toEqual([['g', 'bob', 'writer']]);
  });

  it('removes and replaces every row of a rule that others have stored twice', async () => {
    const twice = () =>
      pool.query(
        `insert into casbin_rule (ptype, v0, v1) values ('g', 'alice', 'reader'), ('g', 'alice', 'reader')`,
      );
    await twice();
    await adapter.removePolicy('g', 'g', ['alice', 'reader']);
    expect(await stored()).toEqual([]);
    await twice();
    await adapter.updatePolicy('g', 'g', ['alice', 'reader'], ['alice', 'writer']);
    expect(await stored()).not.toContainEqual(['g', 'alice', 'reader']);
    await adapter.removeFilteredPolicy('g', 'g', 1, 'writer');
    expect(await stored()).toEqual([]);
  });

  it('names every stored row that is not a rule, and loads nothing', async () => {
    await pool.query(`
      insert into casbin_rule (ptype, v0, v1)
      values ('p', 'alice', 'data1'), (null, 'alice', 'data1'), ('g', null, null), ('g', '', '')`);
    const model = rbacModel();
    const error = await adapter.loadPolicy(model).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: 'STORED_RULE_INVALID', ids: [2, 3, 4] });
    expect(error.message).toContain('id 2: ptype is null; id 3, 4: rule has no values');
    expect(model.getPolicy('p', 'p')).toEqual([]);
  });
});
