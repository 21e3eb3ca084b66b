import type pg from 'pg';
import { beforeEach, describe, expect, test } from 'vitest';
import { type BootstrapOptions, bootstrapDatabase, createEnforcer, verifyDatabase } from '../../src/index.ts';
import { findRuleTable, type TableChoice } from '../../src/tables/find-rule-table.ts';
import { createDatabase } from '../support/database.ts';
import { createStockTable, STOCK_TABLES, type StockAdapter } from './stock-tables.fixture.ts';

let pool: pg.Pool;

beforeEach(async () => {
  pool = (await createDatabase()).pool();
});

async function find(
  choice: TableChoice = {},
  { schema, path = 'public' }: { schema?: string; path?: string } = {},
) {
  const client = await pool.connect();
  try {
    await client.query(`select set_config('search_path', $1, false)`, [path]);
    const { table, isMissing } = await findRuleTable(client, schema, choice);
    return { name: table.sql, layout: table.layout, isMissing, table };
  } finally {
    client.release();
  }
}

const document = { layout: 'document', isMissing: false };
const columns = { layout: 'columns', isMissing: false };

describe('without the option', () => {
  test('the table of casbin-pg-adapter is made if there is none', async () => {
    expect(await find()).toMatchObject({ name: '"casbin"', ...document, isMissing: true });
    expect(await find({}, { schema: 'app' })).toMatchObject({ name: '"app"."casbin"', isMissing: true });
  });

  test.each(Object.keys(STOCK_TABLES) as StockAdapter[])('the table of %s is found', async (adapter) => {
    const name = adapter === 'casbin-pg-adapter' ? 'casbin' : 'casbin_rule';
    await createStockTable(pool, adapter, name);
    const layout = adapter === 'casbin-pg-adapter' ? document : columns;
    expect(await find()).toMatchObject({ name: `public.${name}`, ...layout });
  });

  test.each(['casbin_rule', 'casbin_rules', 'policies', 'casbin'])('it may be called %s', async (name) => {
    await createStockTable(pool, 'typeorm-adapter', name);
    expect(await find()).toMatchObject({ name: `public.${name}`, ...columns });
  });

  test('it is not a table with a usual name and another shape', async () => {
    await pool.query(`create table policies (id serial primary key, ptype text, title text);
      create table casbin_rules (number serial primary key, v0 text)`);
    expect(await find()).toMatchObject({ name: '"casbin"', isMissing: true });
    await createStockTable(pool, 'casbin-basic-adapter');
    expect(await find()).toMatchObject({ name: 'public.casbin_rule', ...columns });
  });

  test.each([
    [
      'create extension citext; create table casbin_rule (ptype text, v0 citext, v1 text, v2 text, v3 text)',
      'column "v0" is citext, not text or character varying',
    ],
    [
      `create type kind as enum ('p', 'g'); create table casbin_rule (p_type kind, v0 text, v1 text, v2 text, v3 text)`,
      'column "p_type" is kind, not text or character varying',
    ],
    ['create table casbin_rule (ptype text, v0 text, v1 text, v2 text)', 'column "v3" is missing'],
  ])(
    'the only table like a rule table is refused if it is unusable, and none is made beside it: %s',
    async (statements, reason) => {
      await pool.query(statements);
      const message = `Table public.casbin_rule looks like a rule table, but can't be used as one: as (ptype, v0 … v3), ${reason}. Nothing was changed. If the application reads it, bring it into that shape; else name the table that the application reads: table: 'casbin', for example.`;
      const refusal = { code: 'TABLE_SHAPE', message };
      await expect(bootstrapDatabase(pool)).rejects.toMatchObject(refusal);
      await expect(createEnforcer(pool)).rejects.toMatchObject(refusal);
      expect(await find({ name: 'casbin' })).toMatchObject({ name: '"casbin"', isMissing: true });
      await createStockTable(pool, 'casbin-pg-adapter', 'casbin');
      expect(await find()).toMatchObject({ name: 'public.casbin', ...document });
    },
  );

  test('a table like a rule table that has the default name is refused by whatever looks for it', async () => {
    await pool.query('create table casbin (ptype text, v0 text, v1 text, v2 text)');
    const refusal = {
      code: 'TABLE_SHAPE',
      message: `Table public.casbin looks like a rule table, but can't be used as one: as (ptype, v0 … v3), column "v3" is missing. Nothing was changed. If the application reads it, bring it into that shape; else rename it, or give another schema.`,
    };
    for (const use of [bootstrapDatabase, verifyDatabase, createEnforcer])
      await expect(use(pool), use.name).rejects.toMatchObject(refusal);
  });

  test('it is not a type with its name and shape', async () => {
    await pool.query('create type policies as (ptype text, v0 text, v1 text, v2 text, v3 text)');
    expect(await find()).toMatchObject({ name: '"casbin"', isMissing: true });
  });

  test('a relation with the default name and another shape is refused later, by the takeover', async () => {
    await pool.query('create table casbin (name text)');
    expect(await find()).toMatchObject({ name: '"casbin"', layout: 'document', isMissing: true });
  });

  test('it is the one in the schema that is given, whatever is elsewhere', async () => {
    await pool.query('create schema app');
    await createStockTable(pool, 'casbin-pg-adapter', 'casbin');
    await createStockTable(pool, 'typeorm-adapter', 'app.casbin_rule');
    expect(await find({}, { schema: 'app' })).toMatchObject({ name: 'app.casbin_rule', ...columns });
    expect(await find({}, { schema: 'public' })).toMatchObject({ name: 'public.casbin', ...document });
  });

  test('it is where the search_path finds it', async () => {
    await pool.query('create schema app');
    await createStockTable(pool, 'typeorm-adapter', 'app.casbin_rule');
    expect(await find()).toMatchObject({ name: '"casbin"', isMissing: true });
    expect(await find({}, { path: 'public, app' })).toMatchObject({ name: 'app.casbin_rule' });
  });

  test('a table that this role may not read is ignored if there is one that it may read', async () => {
    const database = await createDatabase();
    const role = await database.createRole();
    const admin = database.pool();
    await createStockTable(admin, 'casbin-pg-adapter', 'casbin');
    await createStockTable(admin, 'typeorm-adapter');
    await admin.query(`grant select on casbin to ${role.name}`);
    pool = database.pool({ connectionString: role.url });
    expect(await find()).toMatchObject({ name: 'public.casbin', ...document });
  });

  test('a table like a rule table that this role may not read is no reason to refuse', async () => {
    const database = await createDatabase();
    const role = await database.createRole();
    await database.pool().query('create table casbin_rule (ptype text, v0 text, v1 text, v2 text)');
    pool = database.pool({ connectionString: role.url });
    expect(await find()).toMatchObject({ name: '"casbin"', isMissing: true });
  });
});

describe('two tables', () => {
  beforeEach(async () => {
    await createStockTable(pool, 'casbin-pg-adapter', 'casbin');
    await createStockTable(pool, 'typeorm-adapter');
  });

  const fillColumns = () =>
    pool.query(`insert into casbin_rule (ptype, v0, v1) values ('g', 'a', 'b'), ('g', 'c', 'd')`);
  const fillDocument = () => pool.query(`insert into casbin (ptype, rule) values ('g', '["a", "b"]')`);

  test('of which "casbin" is empty, are refused, and it is said where that one may come from', async () => {
    await fillColumns();
    await expect(find()).rejects.toMatchObject({
      code: 'RULE_TABLE_AMBIGUOUS',
      message: `Rules could be in more than one table: public.casbin (empty) and public.casbin_rule (2 rows). Nothing was changed, as only one of them decides. Name the one that the application's adapter reads: table: 'casbin' or table: 'casbin_rule'. A bootstrap without that option makes "casbin" where it finds no rule table: if no application reads it, drop it.`,
    });
  });

  test('of which "casbin" holds rules: that one is chosen', async () => {
    await fillDocument();
    expect(await find()).toMatchObject({ name: 'public.casbin', ...document });
  });

  test('with columns, of which one holds rules: that one is chosen', async () => {
    await pool.query('drop table casbin; create table policies (like casbin_rule including all)');
    await fillColumns();
    expect(await find()).toMatchObject({ name: 'public.casbin_rule', ...columns });
  });

  test('that both hold rules, are refused with their row counts and the option', async () => {
    await fillColumns();
    await fillDocument();
    await expect(find()).rejects.toMatchObject({
      code: 'RULE_TABLE_AMBIGUOUS',
      message: `Rules could be in more than one table: public.casbin (1 row) and public.casbin_rule (2 rows). Nothing was changed, as only one of them decides. Name the one that the application's adapter reads: table: 'casbin' or table: 'casbin_rule'. A bootstrap without that option makes "casbin" where it finds no rule table: if no application reads it, drop it.`,
    });
  });

  test('that hold no rules, are refused too', async () => {
    await expect(find()).rejects.toMatchObject({
      code: 'RULE_TABLE_AMBIGUOUS',
      message: expect.stringContaining('public.casbin (empty) and public.casbin_rule (empty)'),
    });
  });

  test('of which the option names one: that one is chosen', async () => {
    await fillColumns();
    await fillDocument();
    expect(await find({ name: 'casbin_rule' })).toMatchObject({ name: 'public.casbin_rule', ...columns });
    expect(await find({ name: 'casbin' })).toMatchObject({ name: 'public.casbin', ...document });
  });
});

describe('a table that is named', () => {
  test.each<[TableChoice, string]>([
    [{ name: 'casbin' }, 'document'],
    [{ name: 'casbin_rule' }, 'columns'],
    [{ name: 'rules' }, 'columns'],
    [{ name: 'rules', layout: 'document' }, 'document'],
    [{ name: 'casbin', layout: 'columns' }, 'columns'],
  ])('is to be made where it is missing: %j', async (choice, layout) => {
    expect(await find(choice)).toMatchObject({ name: `"${choice.name}"`, layout, isMissing: true });
    expect(await find(choice, { schema: 'app' })).toMatchObject({ name: `"app"."${choice.name}"` });
  });

  test.each([
    {
      table: 'id serial primary key, ptype text, rule json',
      choice: {},
      reasons:
        'as (id, ptype, rule jsonb), column "rule" is json, not jsonb; as (ptype, v0 … v3), column "v0" is missing, column "v1" is missing, column "v2" is missing, column "v3" is missing',
    },
    {
      table: 'v0 text, v1 integer, v2 character(10), v3 text, v5 text',
      choice: { layout: 'columns' as const },
      reasons:
        'as (ptype, v0 … v5), column "ptype" is missing, column "v4" is missing, column "v1" is integer, not text or character varying, column "v2" is character(10), not text or character varying',
    },
    {
      table: 'id serial primary key, ptype text, v0 text, v1 text, v2 text, v3 text',
      choice: { layout: 'document' as const },
      reasons: 'as (id, ptype, rule jsonb), column "rule" is missing',
    },
  ])('is refused where it has another shape: $table', async ({ table, choice, reasons }) => {
    await pool.query(`create table "Rules" (${table})`);
    await expect(find({ name: 'Rules', ...choice })).rejects.toMatchObject({
      code: 'TABLE_SHAPE',
      message: `Table public."Rules" is not a rule table: ${reasons}. Nothing was changed. Name another one by the table option, or bring this one into that shape.`,
    });
  });
});

test.each([
  ['document', 'types'],
  ['columns', 'types'],
  ['document', 'domains'],
  ['columns', 'domains'],
] as const)('a table of %s may have columns of domains over %s', async (layout, base) => {
  const [text, varchar, jsonb] =
    base === 'types' ? ['text', 'varchar(5) not null', 'jsonb'] : ['any_word', 'shorter', 'any_values'];
  await pool.query(`create domain any_word as text;
    create domain shortest as varchar(5);
    create domain shorter as shortest not null;
    create domain any_values as jsonb;
    create domain word as ${text};
    create domain short as ${varchar};
    create domain values_of_rule as ${jsonb}`);
  await pool.query(
    layout === 'document'
      ? 'create table rules (id serial primary key, ptype word not null, rule values_of_rule not null, unique (ptype, rule))'
      : 'create table rules (id serial primary key, ptype short, v0 short, v1 word, v2 word, v3 shorter)',
  );
  const { table } = await find({ name: 'rules' });
  expect(table).toMatchObject({ layout });
  const options = {
    table: 'rules',
    policy: { rules: [['p', 'alice', 'data', 'read']] },
    seeders: [],
  } satisfies BootstrapOptions;
  expect(await bootstrapDatabase(pool, options)).toMatchObject({ changed: true });
  expect(await bootstrapDatabase(pool, options)).toMatchObject({ changed: false });
  const enforcer = await createEnforcer(pool, options);
  expect(await enforcer.addPolicy('bob', 'data', 'write')).toBe(true);
  expect(await enforcer.removePolicy('alice', 'data', 'read')).toBe(true);
  const again = await createEnforcer(pool, options);
  expect(await again.getPolicy()).toEqual([['bob', 'data', 'write']]);
  if (layout === 'columns') {
    expect(table.findUnfit([{ ptype: 'p', values: ['longer', 'b', 'c', 'longer'] }])).toHaveLength(2);
  }
});

describe('the identity of rows', () => {
  test.each<[StockAdapter, string, string]>([
    ['casbin-pg-adapter', 'id', 'integer'],
    ['typeorm-adapter', 'id', 'integer'],
    ['gorm-adapter of Go', 'id', 'bigint'],
    ['pgx-adapter of Go', 'id', 'text'],
    ['xorm-adapter of Go', 'ctid', 'tid'],
  ])('in the table of %s is its %s', async (adapter, identity, identityType) => {
    await createStockTable(pool, adapter);
    const { table } = await find({ name: 'casbin_rule' });
    expect(table).toMatchObject({ identity });
    const given = { integer: 7, bigint: '7', text: '7', tid: '(0,7)' }[identityType];
    const read = { integer: 7, bigint: 7, text: '7', tid: '(0,7)' }[identityType];
    expect(table.read({ [identity]: given, ptype: 'g' })).toMatchObject({ id: read });
  });

  test('is not an id that is not unique', async () => {
    await pool.query(`create table casbin_rule (id integer, ptype text, v0 text, v1 text, v2 text, v3 text);
      create unique index on casbin_rule (id) where id > 10; create unique index on casbin_rule (id, ptype);
      create index on casbin_rule (id)`);
    expect((await find()).table).toMatchObject({ identity: 'ctid' });
  });

  test('in a view is its id, without which it is refused', async () => {
    await pool.query(`create table kept (number serial primary key, ptype text, v0 text, v1 text, v2 text, v3 text);
      create view casbin_rule as select ptype, v0, v1, v2, v3 from kept`);
    for (const choice of [{}, { name: 'casbin_rule' }]) {
      await expect(find(choice)).rejects.toMatchObject({
        code: 'TABLE_SHAPE',
        message: expect.stringMatching(/^public\.casbin_rule is a view without a column "id", /),
      });
    }
    await pool.query(`drop view casbin_rule;
      create view casbin_rule as select number as id, ptype, v0, v1, v2, v3 from kept`);
    expect((await find()).table).toMatchObject({ identity: 'id' });
  });
});
