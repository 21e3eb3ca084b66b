import { newModelFromString } from 'casbin';
import { describe, expect, test } from 'vitest';
import {
  type BootstrapOptions,
  bootstrapDatabase,
  defaultProviders,
  readJournal,
  rowSeeder,
  writeBootstrapSql,
} from '../../src/index.ts';
import { modelText } from '../casbin/models.fixture.ts';
import { createDatabase } from '../support/database.ts';
import { expectComplete, POLICY } from './scripted.fixture.ts';

describe('the SQL of a bootstrap', () => {
  test.each<[string, BootstrapOptions]>([
    ['the default policy and the providers', {}],
    ['a table of columns', { policy: POLICY, table: 'casbin_rule', seeders: [] }],
    ['a schema of its own', { policy: POLICY, schema: 'au"th' }],
    [
      'a named table of documents',
      { policy: POLICY, table: { name: 'rules', layout: 'document' }, schema: 'auth' },
    ],
    ['a database without a policy', { policy: null }],
    ['a journal', { policy: POLICY, journal: true, seeders: [] }],
    [
      'a journal in a schema of its own',
      { policy: POLICY, journal: true, schema: 'au"th', table: 'casbin_rule', seeders: [] },
    ],
  ])('makes all that a bootstrap would make, and may be run again: %s', async (_, options) => {
    const pool = (await createDatabase()).pool({ max: 1 });
    const sql = await writeBootstrapSql(options);
    await pool.query(sql);
    await pool.query(sql);
    await expectComplete(pool, options);
    const { rows } = await pool.query('show search_path');
    expect(rows).toEqual([{ search_path: '"$user", public' }]);
  });

  test('makes a journal that records, in the schema of the table', async () => {
    const pool = (await createDatabase()).pool();
    const options: BootstrapOptions = { policy: POLICY, journal: true, schema: 'auth', seeders: [] };
    expect(await writeBootstrapSql(options), 'the same each time').toBe(await writeBootstrapSql(options));
    await pool.query(await writeBootstrapSql(options));
    expect(await readJournal(pool, { schema: 'auth' })).toHaveLength(3);
  });

  test('makes a journal that records, in the schema that it is run in, where none is given', async () => {
    const database = await createDatabase();
    await database.pool().query('create schema "a\'b"');
    const pool = database.pool({ max: 1, options: '-c search_path="a\'b",public' });
    const sql = await writeBootstrapSql({ policy: POLICY, journal: true, seeders: [] });
    await pool.query(sql);
    await pool.query(sql);
    expect(await readJournal(pool, { schema: "a'b" })).toHaveLength(3);
    const { rows } = await pool.query(
      `select prosrc from pg_proc where pronamespace = '"a''b"'::regnamespace`,
    );
    expect(rows.map(({ prosrc }) => prosrc).join()).toContain(`tg_table_schema = 'a''b'`);
    await expectComplete(pool, { policy: POLICY, journal: true, seeders: [] });
  });

  test('may be run with an empty search_path, as a dump of pg_dump sets it', async () => {
    const pool = (await createDatabase()).pool({ max: 1 });
    const options = { policy: POLICY, schema: 'auth' };
    await pool.query(`select set_config('search_path', '', false)`);
    await pool.query(await writeBootstrapSql(options));
    expect((await pool.query('show search_path')).rows).toEqual([{ search_path: '' }]);
    await expectComplete(pool, options);
  });

  test('may be run statement by statement, without a transaction', async () => {
    const pool = (await createDatabase()).pool();
    const options = { policy: POLICY, schema: 'auth' };
    for (const statement of (await writeBootstrapSql(options)).split('\n\n')) await pool.query(statement);
    await expectComplete(pool, options);
    const { rows } = await pool.query(
      `select to_regclass('public.providers') as other, (select count(*)::int from auth.providers) as rows`,
    );
    expect(rows).toEqual([{ other: null, rows: defaultProviders.length }]);
  });

  test('records for casbin-pg-adapter what it would run itself', async () => {
    const pool = (await createDatabase()).pool();
    await pool.query(await writeBootstrapSql({ policy: POLICY }));
    const { rows } = await pool.query('select name from casbin_migrations order by id');
    expect(rows.map(({ name }) => name)).toEqual(['1587132340023_initial', '1591572942519_pkey-and-uniq']);
  });

  test('names as many columns as its longest rule needs', async () => {
    const fields = ['sub', 'obj', 'act', 'a', 'b', 'c', 'd'];
    const model = newModelFromString(
      modelText({ r: fields.join(', '), p: fields.join(', '), g: [], m: 'r.sub == p.sub' }),
    );
    const policy = { rules: [['p', ...fields]] };
    const sql = await writeBootstrapSql({ model, policy, table: 'casbin_rule', seeders: [] });
    expect(sql).toContain('(ptype, v0, v1, v2, v3, v4, v5, v6)\nselect');
  });

  test('inserts rows in the order given, and the first of those whose keys the table takes for one', async () => {
    const rows = ['b', 'a', 'B', 'A'].map((code, index) => ({ code, name: `row ${index + 1}` }));
    const tables = [];
    for (const by of ['SQL', 'a bootstrap']) {
      const pool = (await createDatabase()).pool();
      await pool.query(`
        create collation folded (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
        create table unit (id serial, code text collate folded primary key, name text)`);
      const seeders = [rowSeeder({ name: 'units', table: 'unit', key: 'code', rows })];
      if (by === 'SQL') await pool.query(await writeBootstrapSql({ policy: POLICY, seeders }));
      else await bootstrapDatabase(pool, { policy: POLICY, seeders });
      tables.push((await pool.query('select code, name from unit order by id')).rows);
    }
    expect(tables[0]).toEqual(rows.slice(0, 2));
    expect(tables[1]).toEqual(tables[0]);
  });

  test('inserts rows that refer to each other and give different columns, as a bootstrap does', async () => {
    const rows = [
      { code: 'all' },
      { code: 'food', parent: 'all' },
      { code: 'fruit', parent: 'food', note: 'fresh' },
      { code: 'apple', parent: 'fruit' },
      { code: 'none', note: 'empty' },
    ];
    const tables = [];
    for (const by of ['SQL', 'a bootstrap']) {
      const pool = (await createDatabase()).pool();
      await pool.query(
        'create table unit (id serial, code text primary key, parent text references unit, note text)',
      );
      const options = {
        policy: null,
        seeders: [rowSeeder({ name: 'units', table: 'unit', key: 'code', rows })],
      };
      if (by === 'SQL') await pool.query(await writeBootstrapSql(options));
      await bootstrapDatabase(pool, options);
      tables.push((await pool.query('select id, code, parent, note from unit order by id')).rows);
    }
    expect(tables[0]).toHaveLength(rows.length);
    expect(tables[0]).toEqual(tables[1]);
  });

  test('uses up no ids for rows that are there', async () => {
    const pool = (await createDatabase()).pool();
    await pool.query('create table unit (id serial, code text primary key)');
    const rows = [{ code: 'kg' }, { code: 'm' }];
    const seeders = [rowSeeder({ name: 'units', table: 'unit', key: 'code', rows })];
    const sql = await writeBootstrapSql({ policy: null, seeders });
    await pool.query(sql);
    await pool.query(sql);
    expect((await pool.query(`select nextval('unit_id_seq')::int as next`)).rows).toEqual([{ next: 3 }]);
  });

  test('inserts rows that leave out a column whose domain allows no null', async () => {
    const pool = (await createDatabase()).pool();
    await pool.query(`
      create domain stamp as text not null;
      create table price (id int primary key, currency char(3), amount numeric(5, 1)[], made stamp default 'now')`);
    const rows = [
      { id: 1, currency: 'EUR', amount: [1.25, 2] },
      { id: 2, made: 'then' },
    ];
    const options = {
      policy: null,
      seeders: [rowSeeder({ name: 'prices', table: 'price', key: 'id', rows })],
    };
    const sql = await writeBootstrapSql(options);
    await pool.query(sql);
    await pool.query(sql);
    await expectComplete(pool, options);
    expect((await pool.query('select * from price order by id')).rows).toEqual([
      { id: 1, currency: 'EUR', amount: [1.3, 2], made: 'now' },
      { id: 2, currency: null, amount: null, made: 'then' },
    ]);
  });

  test('writes names that look like parameters as they are', async () => {
    const pool = (await createDatabase()).pool();
    await pool.query('create table "price$1" ("id$1" int primary key, "it\'s $1" text)');
    const rows = [{ id$1: 1, "it's $1": 'a "$1"' }];
    const options = {
      policy: POLICY,
      seeders: [rowSeeder({ name: 'prices', table: 'price$1', key: 'id$1', rows })],
    };
    await pool.query(await writeBootstrapSql(options));
    await expectComplete(pool, options);
    expect((await pool.query('select * from "price$1"')).rows).toEqual(rows);
  });

  test('has no block that a value of a rule can end', async () => {
    const pool = (await createDatabase()).pool();
    const write = (tag: string) =>
      writeBootstrapSql({
        policy: { version: 1, rules: [['p', 'clerk', `$casbin_bootstrap$ ${tag}`, 'read']] },
        seeders: [],
      });
    const tagsIn = (sql: string) => [...sql.matchAll(/^do (\$\w+\$)$/gm)].map(([, tag = '']) => tag);
    // The next tag may depend on the length of the block.
    let tag = '$casbin_bootstrap_1$';
    for (let tries = 0; tries < 3; tries++) tag = tagsIn(await write(tag)).at(-1) ?? '';
    const sql = await write(tag);
    expect(tagsIn(sql)).not.toContain(tag);
    await pool.query(sql);
    const { rows } = await pool.query('select rule from casbin');
    expect(rows).toEqual([{ rule: ['clerk', `$casbin_bootstrap$ ${tag}`, 'read'] }]);
  });

  test.each(['on', 'off'])('writes any value, with standard_conforming_strings %s', async (setting) => {
    const pool = (await createDatabase()).pool({ max: 1 });
    const policy = { rules: [['p', "o'neil\\", 'a$casbin_bootstrap$b', '\\n$1']] };
    const settings = rowSeeder({
      name: 'set\ntings',
      table: 'settings',
      key: 'id',
      rows: [{ id: 1, text: "a'\\\n$1" }],
    });
    await pool.query('create table settings (id int primary key, text text)');
    const options = { policy, seeders: [settings] };
    const sql = await writeBootstrapSql(options);
    await pool.query(`set standard_conforming_strings = ${setting}`);
    await pool.query(sql);
    await pool.query('set standard_conforming_strings = on');
    await expectComplete(pool, options);
    const { rows } = await pool.query('select * from settings');
    expect(rows).toEqual([{ id: 1, text: "a'\\\n$1" }]);
  });

  test('has the tables alone where only these are asked for', async () => {
    const sql = await writeBootstrapSql({ policy: POLICY }, { schemaOnly: true });
    expect(sql).toContain('create table if not exists "casbin"');
    expect(sql).toContain('create table if not exists "providers"');
    expect(sql).not.toContain('viewer');
    expect(sql).not.toContain('schwab');
  });

  test('has no tables where another tool runs the migrations', async () => {
    const sql = await writeBootstrapSql({ policy: POLICY, migrations: false });
    expect(sql).not.toContain('create table');
    expect(sql).toContain('viewer');
  });

  test('names what it leaves out: seeders that are programs, and migrations of the application', async () => {
    const sql = await writeBootstrapSql({
      policy: POLICY,
      seeders: [
        {
          name: 'admin\nuser',
          migrations: { 'admin\n0001': { up: async () => {} } },
          seed: async () => ({ inserted: 0, existing: 0 }),
        },
      ],
      migrations: { '001\na': { up: async () => {} } },
    });
    expect(sql).toContain('\n-- Migration admin 0001\n');
    expect(sql).toContain(
      '\n-- Seeder admin user is a program of the application: it is run by a bootstrap only.\n',
    );
    expect(sql).toMatch(/\n-- Not in here are the application's own migrations: 001 a\n$/);
  });

  test('is not written for a rule that the stock adapter reads otherwise', async () => {
    const policy = { rules: [['p', 'viewer', 'a, b', 'read']] };
    await expect(writeBootstrapSql({ policy })).rejects.toMatchObject({
      problems: [{ code: 'VALUE_DISTORTED', at: 'policy.rules[0]' }],
    });
    const rules = [['p', 'viewer', '', 'read']];
    await expect(writeBootstrapSql({ policy: { rules }, table: 'casbin_rule' })).rejects.toMatchObject({
      problems: [{ code: 'VALUE_DISTORTED', at: 'policy.rules[0]' }],
    });
  });

  test('is not written for options that are wrong', async () => {
    await expect(writeBootstrapSql({ policy: 'none.yaml', schema: '' })).rejects.toMatchObject({
      problems: [{ at: 'schema' }, { code: 'POLICY_NOT_FOUND' }],
    });
  });
});
