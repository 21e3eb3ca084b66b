import { newEnforcer, newModelFromString } from 'casbin';
import { PostgresAdapter } from 'casbin-pg-adapter/lib/adapter.js';
import { describe, expect, it } from 'vitest';
import { createAdapter } from '../../src/tables/adapter.ts';
import { modelText, rbacModel } from '../casbin/models.fixture.ts';
import { createDatabase } from '../support/database.ts';
import { LAYOUTS } from './layouts.fixture.ts';
import { createRuleTable, storedRules, unindexableValue } from './rule-table.fixture.ts';

const COLUMNS = (name: string) =>
  `create table ${name} (id serial primary key, ptype text, v0 text, v1 text, v2 text, v3 text, v4 text, v5 text)`;

describe.each(LAYOUTS)('in a table of layout $name', (layout) => {
  it('keeps to the schema that it is given, whatever its name', async () => {
    const pool = (await createDatabase()).pool();
    const schema = 'Tenant "A"; drop table casbin; --';
    await pool.query(`create schema "${schema.replaceAll('"', '""')}"`);
    await layout.create(pool);
    await layout.create(pool, schema.replaceAll('"', '""'));
    const adapter = createAdapter(pool, { ...layout.options, schema });
    const enforcer = await newEnforcer(rbacModel(), adapter);
    await enforcer.addPolicies([['a'], ['b']]);
    await enforcer.updatePolicy(['a'], ['c']);
    await enforcer.removePolicy('b');
    await enforcer.loadFilteredPolicy({ p: ['c'] });
    await enforcer.removeFilteredPolicy(0, 'nobody');
    await enforcer.loadPolicy();
    await enforcer.savePolicy();
    expect(await enforcer.getPolicy()).toEqual([['c']]);
    expect(await storedRules(pool, `"${schema.replaceAll('"', '""')}".${layout.table}`)).toEqual([
      ['p', 'c'],
    ]);
    expect(await storedRules(pool, layout.table)).toEqual([]);
  });

  it('finds the table on the search path without one', async () => {
    const database = await createDatabase();
    await database.pool().query('create schema app');
    const pool = database.pool({ options: '-c search_path=app' });
    await layout.create(pool, 'app');
    await createAdapter(pool, layout.options).addPolicy('p', 'p', ['a']);
    expect(await storedRules(pool, `app.${layout.table}`)).toEqual([['p', 'a']]);
  });

  it.each([{}, { schema: 'nowhere' }])('says that the table is missing: %j', async (options) => {
    const adapter = createAdapter((await createDatabase()).pool(), { ...layout.options, ...options });
    const refusal = { code: 'TABLE_MISSING', message: expect.stringContaining('bootstrapDatabase()') };
    await expect(adapter.loadPolicy(rbacModel())).rejects.toMatchObject(refusal);
    await expect(adapter.addPolicy('p', 'p', ['a'])).rejects.toMatchObject(refusal);
    await expect(adapter.removePolicy('p', 'p', ['a'])).rejects.toMatchObject(refusal);
    await expect(adapter.removeFilteredPolicy('p', 'p', 0, 'a')).rejects.toMatchObject(refusal);
    await expect(adapter.updatePolicy('p', 'p', ['a'], ['b'])).rejects.toMatchObject(refusal);
    await expect(adapter.savePolicy(rbacModel())).rejects.toMatchObject(refusal);
  });

  it('says which rule is too long for the index, in short', async () => {
    const pool = (await createDatabase()).pool();
    await layout.create(pool);
    const value = unindexableValue();
    const error = await createAdapter(pool, layout.options)
      .addPolicies('p', 'p', [[value, 'data1', 'read'], ['short']])
      .catch((thrown) => thrown);
    expect(error).toMatchObject({ code: 'RULE_TOO_LONG', cause: { code: '54000' } });
    expect(error.message).toContain(`p, ${value.slice(0, 40)}`);
    expect(error.message).toContain('2.7 kB');
    expect(error.message.length).toBeLessThan(400);
  });

  it('does not change other errors', async () => {
    const pool = (await createDatabase()).pool();
    await layout.create(pool);
    await pool.query(`alter table ${layout.table} add check (ptype <> 'p9')`);
    await expect(createAdapter(pool, layout.options).addPolicy('p', 'p9', ['a'])).rejects.toMatchObject({
      code: '23514',
      constraint: `${layout.table}_ptype_check`,
    });
  });
});

it('says that casbin-pg-adapter’s table is missing if none is named', async () => {
  const adapter = createAdapter((await createDatabase()).pool());
  await expect(adapter.loadPolicy(rbacModel())).rejects.toMatchObject({
    code: 'TABLE_MISSING',
    message: expect.stringMatching(/^Table "casbin" /),
  });
});

it('says how to replace a constraint that is deferrable, and that way helps', async () => {
  const pool = (await createDatabase()).pool();
  await createRuleTable(pool);
  await pool.query(`
    alter table casbin drop constraint casbin_uniq_ptype_rule,
    add constraint "By rule" unique (rule, ptype) deferrable initially deferred
  `);
  const adapter = createAdapter(pool);
  const error = await adapter.addPolicy('p', 'p', ['a']).catch((thrown) => thrown);
  expect(error).toMatchObject({
    code: 'UNIQUE_CONSTRAINT_MISSING',
    message: expect.stringContaining('Constraint "By rule" of table public.casbin is deferrable'),
    cause: { code: '55000' },
  });
  await pool.query(error.message.slice(error.message.indexOf('alter table')));
  await adapter.addPolicies('p', 'p', [['a'], ['b']]);
  expect(await storedRules(pool)).toEqual([
    ['p', 'a'],
    ['p', 'b'],
  ]);
});

it('says how to make a table of the stock adapter unique, and that way helps', async () => {
  const database = await createDatabase();
  const pool = database.pool();
  const stock = await PostgresAdapter.newAdapter({ connectionString: database.url });
  await stock.addPolicy('g', 'g', ['a', 'b']);
  await stock.close();
  const adapter = createAdapter(pool);
  const error = await adapter.addPolicy('g', 'g2', ['a', 'b']).catch((thrown) => thrown);
  expect(error).toMatchObject({ code: 'UNIQUE_CONSTRAINT_MISSING', cause: { code: '42P10' } });
  await expect(adapter.updatePolicy('g', 'g', ['a', 'b'], ['c', 'd'])).resolves.toBeUndefined();
  await pool.query(error.message.slice(error.message.indexOf('alter table')));
  await adapter.addPolicies('g', 'g2', [
    ['a', 'b'],
    ['c', 'd'],
  ]);
  expect(await storedRules(pool)).toEqual([
    ['g', 'c', 'd'],
    ['g2', 'a', 'b'],
    ['g2', 'c', 'd'],
  ]);
});

it('looks for its table again while that is missing', async () => {
  const pool = (await createDatabase()).pool();
  const adapter = createAdapter(pool);
  await expect(adapter.loadPolicy(rbacModel())).rejects.toMatchObject({ code: 'TABLE_MISSING' });
  await pool.query(COLUMNS('casbin_rule'));
  await adapter.addPolicy('p', 'p', ['a']);
  const enforcer = await newEnforcer(rbacModel(), adapter);
  expect(await enforcer.getPolicy()).toEqual([['a']]);
});

it('finds the layout of a table that only its name tells of', async () => {
  const pool = (await createDatabase()).pool();
  await pool.query(COLUMNS('casbin'));
  await pool.query(`insert into casbin (ptype, v0) values ('p', 'a')`);
  const enforcer = await newEnforcer(rbacModel(), createAdapter(pool, { table: 'casbin' }));
  expect(await enforcer.getPolicy()).toEqual([['a']]);
});

it('writes to a table of few columns first, also where its layout is given', async () => {
  const pool = (await createDatabase()).pool();
  await pool.query(
    'create table casbin_rule (id serial primary key, ptype text, v0 text, v1 text, v2 text, v3 text)',
  );
  const adapter = createAdapter(pool, { table: { name: 'casbin_rule', layout: 'columns' } });
  await adapter.addPolicy('g', 'g', ['a', 'b']);
  expect(await storedRules(pool, 'casbin_rule')).toEqual([['g', 'a', 'b']]);
});

it('writes to a table that was made again with fewer columns, as casbin-knex-adapter does', async () => {
  const pool = (await createDatabase()).pool();
  await pool.query(COLUMNS('policies').replace('v5 text', 'v5 text, v6 text'));
  const adapter = createAdapter(pool);
  await adapter.addPolicy('p', 'p', ['a']);
  await pool.query('drop table policies');
  await pool.query(COLUMNS('policies'));
  await adapter.addPolicies('p', 'p', [['b'], ['c']]);
  await adapter.removePolicy('p', 'p', ['b']);
  expect(await storedRules(pool, 'policies')).toEqual([['p', 'c']]);
});

it('names a column that is gone in a transaction, in which the table can not be looked for again', async () => {
  const pool = (await createDatabase()).pool();
  await pool.query(COLUMNS('policies'));
  const client = await pool.connect();
  try {
    const adapter = createAdapter(client);
    await adapter.addPolicy('p', 'p', ['a']);
    await pool.query('alter table policies drop column v5');
    await client.query('begin');
    await expect(adapter.removePolicy('p', 'p', ['a'])).rejects.toThrow('column stored.v5 does not exist');
    await client.query('rollback');
  } finally {
    client.release();
  }
});

it('takes columns into account that a table has got since', async () => {
  const pool = (await createDatabase()).pool();
  await pool.query(
    'create table casbin_rule (id serial primary key, ptype text, v0 text, v1 text, v2 text, v3 text)',
  );
  const rule = ['alice', 'data', 'read', 'today', 'deny'];
  const [reading, writing, saving, updating] = Array.from({ length: 4 }, () => createAdapter(pool));
  const model = () => newModelFromString(DENYING);
  for (const adapter of [reading, writing, saving, updating]) await adapter?.loadPolicy(model());
  await expect(writing?.addPolicy('p', 'p', rule)).rejects.toThrow('add column v4');
  await pool.query('alter table casbin_rule add column v4 varchar');

  await writing?.addPolicy('p', 'p', rule);
  const loaded = model();
  await reading?.loadPolicy(loaded);
  expect(loaded.getPolicy('p', 'p')).toEqual([rule]);
  await updating?.updatePolicy('p', 'p', rule, ['bob', ...rule.slice(1)]);
  await saving?.savePolicy(loaded);
  expect(await storedRules(pool, 'casbin_rule')).toEqual([['p', ...rule]]);
});

const DENYING = modelText({
  r: 'sub, obj, act, day',
  p: 'sub, obj, act, day, eft',
  g: [],
  e: '!some(where (p.eft == deny))',
  m: 'r.sub == p.sub && r.obj == p.obj && r.act == p.act && r.day == p.day',
});
