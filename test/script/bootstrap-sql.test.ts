import { newModelFromString } from 'casbin';
import { type Kysely, sql } from 'kysely';
import pg from 'pg';
import { describe, expect, test, vi } from 'vitest';
import {
  type BootstrapOptions,
  bootstrapDatabase,
  changePolicy,
  createAdapter,
  defaultProviders,
  definePolicy,
  type PolicyDefinition,
  readJournal,
  rowSeeder,
  writeBootstrapSql,
} from '../../src/index.ts';
import { createDatabase } from '../support/database.ts';
import { LAYOUTS } from '../tables/layouts.fixture.ts';
import { storedRules } from '../tables/rule-table.fixture.ts';
import { modelText } from '../verification/verify.fixture.ts';

const POLICY = definePolicy({
  roles: {
    viewer: { permissions: { invoices: ['read'] } },
    clerk: { inherits: ['viewer'], permissions: { invoices: ['write'] } },
  },
});

/** The SQL run by itself must leave nothing for a bootstrap. */
async function expectComplete(pool: Parameters<typeof bootstrapDatabase>[0], options: BootstrapOptions) {
  const report = await bootstrapDatabase(pool, options);
  expect(report).toMatchObject({
    changed: false,
    migrations: [],
    takeover: null,
    verification: { ok: true },
  });
}

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

  test('adds missing rules to a database that was bootstrapped, or that another tool made', async () => {
    const pool = (await createDatabase()).pool();
    await bootstrapDatabase(pool, { policy: POLICY, seeders: [] });
    await pool.query(`delete from casbin where ptype = 'g'; update casbin set id = id + 100`);
    await pool.query(`drop table casbin_bootstrap_migration`);
    await pool.query(await writeBootstrapSql({ policy: POLICY, seeders: [] }));
    await expectComplete(pool, { policy: POLICY, seeders: [] });
    const { rows } = await pool.query('select count(*)::int as count from casbin');
    expect(rows).toEqual([{ count: 3 }]);
  });

  test('takes over a table of the stock adapter that was renamed, and whose sequence is behind', async () => {
    const pool = (await createDatabase()).pool();
    await pool.query(`
      create table rules (
        id serial primary key, ptype text not null, rule jsonb not null, constraint casbin_uniq_rule unique (rule)
      );
      insert into rules values (1, 'g2', '["clerk", "viewer"]')
    `);
    const table = { name: 'rules', layout: 'document' } as const;
    await pool.query(await writeBootstrapSql({ policy: POLICY, seeders: [], table }));
    await expectComplete(pool, { policy: POLICY, seeders: [], table });
    expect(await storedRules(pool, 'rules')).toHaveLength(4);
  });

  test.each(['casbin', 'ru"les'])(
    'makes a table anew, with its indexes, beside a renamed one that still has their names: %s',
    async (name) => {
      const pools = await Promise.all([1, 2].map(async () => (await createDatabase()).pool({ max: 1 })));
      const [one, other] = pools as [pg.Pool, pg.Pool];
      const table = { name, layout: 'document' } as const;
      const options = { policy: POLICY, seeders: [], table };
      const sql = await writeBootstrapSql(options);
      for (const pool of pools) {
        await bootstrapDatabase(pool, options);
        await pool.query(`alter table ${pg.escapeIdentifier(name)} rename to former`);
        await pool.query('delete from casbin_bootstrap_migration');
      }
      await bootstrapDatabase(one, options);
      await other.query(sql);

      const indexes = async (pool: pg.Pool) => {
        const { rows } = await pool.query('select indexdef from pg_indexes where tablename = $1 order by 1', [
          name,
        ]);
        return rows.map(({ indexdef }) => indexdef);
      };
      expect(await indexes(other)).toEqual(await indexes(one));
      expect(await indexes(other)).toHaveLength(9);
      await expectComplete(other, options);
    },
  );

  test('adds no second constraint to a table that is unique under another name', async () => {
    const pool = (await createDatabase()).pool();
    await pool.query(`
      create table casbin (
        id serial constraint pk primary key, ptype text not null, rule jsonb not null, constraint uq unique (ptype, rule)
      )
    `);
    await pool.query(await writeBootstrapSql({ policy: POLICY, seeders: [] }));
    const { rows } = await pool.query(
      `select conname::text as name from pg_constraint where conrelid = 'casbin'::regclass and contype in ('p', 'u') order by 1`,
    );
    expect(rows).toEqual([{ name: 'pk' }, { name: 'uq' }]);
    await expectComplete(pool, { policy: POLICY, seeders: [] });
  });

  test('adds rules to the table of an adapter that has fewer columns than ours', async () => {
    const pool = (await createDatabase()).pool();
    const columns = [0, 1, 2, 3, 4, 5].map((position) => `v${position} varchar(255)`).join(', ');
    await pool.query(`create table casbin_rule (id serial primary key, ptype varchar(255), ${columns})`);
    const options = { policy: POLICY, table: 'casbin_rule', seeders: [] };
    const sql = await writeBootstrapSql(options);
    await pool.query(sql);
    await pool.query(sql);
    await expectComplete(pool, options);
    const { rows } = await pool.query('select count(*)::int as count from casbin_rule');
    expect(rows).toEqual([{ count: 3 }]);
  });

  test('adds rules to a table whose columns take no null, with an empty text where a rule has no value', async () => {
    const pool = (await createDatabase()).pool();
    const columns = [0, 1, 2, 3, 4, 5].map((n) => `v${n} varchar(100) not null default ''`).join(', ');
    await pool.query(`create table casbin_rule (ptype varchar(100) not null default '', ${columns})`);
    const options = { policy: POLICY, table: 'casbin_rule', seeders: [] };
    await pool.query(await writeBootstrapSql(options));
    await expectComplete(pool, options);
  });

  test.each([
    [
      'calls the ptype p_type',
      'create table casbin_rule (p_type text, v0 text, v1 text, v2 text, v3 text, v4 text, v5 text)',
    ],
    [
      'has a column p_type beside its ptype',
      'create table casbin_rule (p_type text, ptype text, v0 text, v1 text, v2 text, v3 text, v4 text, v5 text)',
    ],
    [
      'is a view',
      `create table kept (id serial primary key, ptype text, v0 text, v1 text, v2 text, v3 text, v4 text, v5 text);
       create view casbin_rule as select * from kept`,
    ],
  ])('adds rules to a table of an adapter that %s, with a version and without', async (_, table) => {
    for (const version of [{}, { version: 1 }]) {
      const pool = (await createDatabase()).pool();
      await pool.query(table);
      const options = { policy: { ...POLICY, ...version }, table: 'casbin_rule', seeders: [] };
      const sql = await writeBootstrapSql(options);
      await pool.query(sql);
      await pool.query(sql);
      await expectComplete(pool, options);
      const { rows } = await pool.query('select count(*)::int as count from casbin_rule');
      expect(rows).toEqual([{ count: 3 }]);
    }
  });

  test('makes a journal of the columns that the table of an adapter has', async () => {
    const pool = (await createDatabase()).pool();
    const columns = [0, 1, 2, 3, 4, 5].map((position) => `v${position} varchar(255)`).join(', ');
    await pool.query(
      `create table casbin_rule (id serial primary key, ptype varchar(255), valid text, ${columns})`,
    );
    const options = { policy: POLICY, table: 'casbin_rule', seeders: [], journal: true };
    const sql = await writeBootstrapSql(options);
    await pool.query(sql);
    expect(await readJournal(pool)).toHaveLength(3);
    await expectComplete(pool, options);

    const more = [6, 7, 8, 9, 10].map((position) => `add column v${position} varchar(255)`).join(', ');
    await pool.query(`alter table casbin_rule ${more}`);
    await pool.query(sql);
    await expectComplete(pool, options);
    await pool.query(`insert into casbin_rule (ptype, v0, v2, v10) values ('p', 'a', 'c', 'k')`);
    const values = ['a', '', 'c', '', '', '', '', '', '', '', 'k'];
    expect((await readJournal(pool, { limit: 1 }))[0]?.values).toEqual(values);
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

  test('refuses a table that holds rules more than once, and says how to delete them', async () => {
    const pool = (await createDatabase()).pool();
    await pool.query(`
      create table "ru'les" (id serial, ptype text, rule jsonb);
      insert into "ru'les" (ptype, rule) values ('g', '["ann", "clerk"]'), ('g', '["ann", "clerk"]'), ('g2', '["ann", "clerk"]')`);
    const table = { name: "ru'les", layout: 'document' } as const;
    const sql = await writeBootstrapSql({ policy: POLICY, seeders: [], table });
    const error = await pool.query(sql).catch((reason) => reason);
    expect(error).toMatchObject({
      code: '23505',
      message: `Table "ru'les" holds rules more than once, so it can't become unique on (ptype, rule). Run a bootstrap first, which keeps the row with the lowest id of each rule, or delete the others yourself.`,
    });
    await pool.query(error.hint);
    expect((await pool.query(`select id from "ru'les"`)).rows).toEqual([{ id: 1 }, { id: 3 }]);
    await pool.query(sql);
    expect(await storedRules(pool, `"ru'les"`)).toHaveLength(5);
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

  describe('of a seeder with migrations of its own', () => {
    const withMigration = (up: (db: Kysely<unknown>) => Promise<unknown>): BootstrapOptions => ({
      policy: null,
      seeders: [
        {
          ...rowSeeder({ name: 'units', table: 'units', key: 'id', rows: [{ id: 1 }] }),
          migrations: { units_0001: { up: async (db) => void (await up(db)) } },
        },
      ],
    });

    test('has each of their statements, also those that begin as queries', async () => {
      const pool = (await createDatabase()).pool();
      const options = withMigration(async (db) => {
        await sql`create table units (id serial primary key, note text)`.execute(db);
        await sql`create table former as values (7)`.execute(db);
        await sql`
          with moved as (delete from former returning *)
          insert into units select column1, ${"it's"} from moved where 'costs $1' <> ''
        `.execute(db);
        await sql`insert into former values (8) returning *`.execute(db);
        await sql`/* on */ select setval(pg_catalog.pg_get_serial_sequence('units', 'id'), 50)`.execute(db);
        await sql`/* it's on */ select setval(pg_catalog.pg_get_serial_sequence('units', 'id'), 51)`.execute(
          db,
        );
        await sql`-- it's a query
          (select 1)`.execute(db);
        for (const query of ['values (1)', 'table former', 'show search_path']) {
          await sql.raw(query).execute(db);
        }
        await sql`
          create function refill() returns void language sql as $$ update former set column1 = column1 + 1 $$
        `.execute(db);
        await sql`select refill(), current_schema()`.execute(db);
      });
      const script = await writeBootstrapSql(options);
      await pool.query(script);
      await pool.query(script);
      await expectComplete(pool, options);
      const { rows } = await pool.query(
        `select id, note, nextval('units_id_seq')::int as next, column1 from units, former order by 1`,
      );
      expect(rows).toEqual([
        { id: 1, note: null, next: 52, column1: 9 },
        { id: 7, note: "it's", next: 53, column1: 9 },
      ]);
    });

    test('has them in the order of their names', async () => {
      const none = { seed: async () => ({ inserted: 0, existing: 0 }) };
      const seeders = ['b_0001', 'a_0001'].map((name) => ({
        ...none,
        name,
        migrations: { [name]: { up: async () => {} } },
      }));
      const script = await writeBootstrapSql({ policy: null, seeders });
      expect(script.match(/(?<=-- Migration )[ab]_0001/g)).toEqual(['a_0001', 'b_0001']);
    });

    test.each([
      ['a text', `'it''s\n            indented   '`],
      ['a text after a name', `"it's" || 'it''s\n            indented   '`],
      ['a text after another kind of text', `$$it$$ || $a$it's $$$a$ || 'it''s\n            indented   '`],
      ['a text after a comment', `-- it's a text\n 'it''s\n            indented   '`],
      ['a text after a comment of its own kind', `/* it's\n a text */ 'it''s\n            indented   '`],
      ['a text with a backslash', `e'it\\'s\n            indented   '`],
    ])('keeps the blanks of %s, and writes the parameters after it', async (_, text) => {
      const pool = (await createDatabase()).pool();
      const options = withMigration(async (db) => {
        await sql`create table units (id int primary key, note text, "it's" text)`.execute(db);
        await sql`
          insert into units
          select 2, right(${sql.raw(text)}, ${27}) from (select '') as given ("it's") where ${'a'} <> ''
        `.execute(db);
      });
      await pool.query(await writeBootstrapSql(options));
      const { rows } = await pool.query('select note from units where id = 2');
      expect(rows).toEqual([{ note: "t's\n            indented   ".slice(-27) }]);
    });

    test('has the values of their statements as pg sends them', async () => {
      const options = withMigration(async (db) => {
        await sql`
          create table units (
            id int primary key, amount numeric, big bigint, exact boolean, at timestamptz, tags text[], grid int[], data bytea, more jsonb
          )
        `.execute(db);
        const [at, data] = [new Date('2026-01-02T03:04:05.006Z'), Buffer.from([0, 255])];
        const tags = ['a,b', 'say "hi"', 'back\\slash', null, ''];
        const grid = [
          [1, -2],
          [3, 4],
        ];
        await sql`
          insert into units
          values (${2}, ${Number.NaN}, ${2n ** 62n}, ${true}, ${at}, ${tags}, ${grid}, ${data}, ${{ note: "it's" }})
        `.execute(db);
        await sql`insert into units (id, tags, more) values (${3}, ${[]}, ${undefined})`.execute(db);
        await sql`update units set id = id -${-5} where id = any(${[2, 3]})`.execute(db);
      });
      const [written, run] = [(await createDatabase()).pool(), (await createDatabase()).pool()];
      await written.query(await writeBootstrapSql(options));
      await bootstrapDatabase(run, options);
      const select = 'select * from units order by id';
      const { rows } = await run.query(select);
      expect(rows).toHaveLength(3);
      expect((await written.query(select)).rows).toEqual(rows);
    });

    test('is refused where one needs what a query returns', async () => {
      const options = withMigration(async (db) => {
        const { rows } = await sql<{ id: number }>`select max(id) as id from units`.execute(db);
        if (rows[0] === undefined) throw new Error('units has no maximum');
      });
      await expect(writeBootstrapSql(options)).rejects.toMatchObject({
        code: 'MIGRATION_FAILED',
        migration: 'units_0001',
        message: `Migration "units_0001" can't be written as SQL, because it fails without a database: units has no maximum. Let it not depend on what a query returns, or run a bootstrap in place of the script.`,
      });
    });
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

describe.each(LAYOUTS)('the SQL of a definition with a version, on a table of layout $name', (layout) => {
  const viewer = { permissions: { invoices: ['read'] } };
  const clerk = { inherits: ['viewer'], permissions: { invoices: ['write'], "o'neil\\ $1": ['r'] } };
  const intern = { inherits: ['viewer'], permissions: { notes: ['write'] } };
  const cook = { permissions: { notes: ['read'] } };
  /** A resource may have the name of a role. */
  const lister = { permissions: { ...viewer.permissions, intern: ['list'] } };
  const FIRST: PolicyDefinition = {
    version: 1,
    onRevoked: 'keep',
    roles: { viewer: lister, clerk, intern, cook },
  };
  const SECOND: PolicyDefinition = {
    version: 3,
    onRevoked: 'keep',
    roles: { viewer: { permissions: { invoices: ['read', 'list'] } }, accountant: clerk },
    renamed: { roles: { clerk: 'accountant', cashier: 'accountant' } },
    retired: {
      roles: { intern: { reassign: 'viewer' }, cook: {} },
      rules: [['p', 'viewer', 'notes', 'read']],
    },
  };

  /** What happens to a database before version 3 comes. */
  const HISTORIES: Record<string, (pool: pg.Pool, options: BootstrapOptions) => Promise<unknown>> = {
    nothing: async () => {},
    'a bootstrap without a version': (pool, options) =>
      bootstrapDatabase(pool, { ...options, policy: { roles: { viewer, clerk } } }),
    'a bootstrap of which nothing is recorded': async (pool, options) => {
      await bootstrapDatabase(pool, { ...options, policy: { roles: { viewer, clerk, intern } } });
      await pool.query(`drop table "${options.schema ?? 'public'}".casbin_bootstrap_migration`);
    },
    'version 1, and changes of administrators': async (pool, options) => {
      await bootstrapDatabase(pool, { ...options, policy: FIRST });
      const client = await pool.connect();
      const { schema = 'public' } = options;
      const by = { ...layout.options, schema, actor: 'root', reason: 'ticket 7' };
      await changePolicy(
        client,
        {
          grant: [
            ['clerk', 'notes', 'read'],
            ['viewer', 'notes', 'read'],
            ['intern', 'invoices', 'read'],
          ],
          assign: [
            ['ann', 'intern'],
            ['bob', 'intern'],
            ['bob', 'viewer'],
            ['carol', 'clerk'],
            ['dora', 'cook'],
          ],
          revoke: [['clerk', 'invoices', 'write']],
        },
        by,
      ).finally(() => client.release());
      const table = `"${schema}".${layout.table}`;
      await pool.query(`delete from ${table} where ${layout.first} = 'viewer' and ptype = 'p'`);
      if (layout.name === 'columns')
        await pool.query(`update ${table} set v2 = '' where v0 = 'bob' and v1 = 'viewer'`);
    },
    'the same version, which renamed and retired nothing': (pool, options) =>
      bootstrapDatabase(pool, { ...options, policy: { ...FIRST, version: 3 } }),
    'a newer version': (pool, options) =>
      bootstrapDatabase(pool, { ...options, policy: { version: 4, roles: { viewer } } }),
    'a rule of an administrator that version 3 defines': async (pool, options) => {
      await bootstrapDatabase(pool, { ...options, policy: FIRST });
      const adapter = createAdapter(pool, { ...layout.options, schema: options.schema ?? 'public' });
      await adapter.addPolicy('p', 'p', ['viewer', 'invoices', 'list']);
    },
    'rules of administrators that version 1 defined afterwards': async (pool, options) => {
      const { intern: _, ...roles } = FIRST.roles ?? {};
      await bootstrapDatabase(pool, { ...options, policy: { ...FIRST, roles } });
      const adapter = createAdapter(pool, { ...layout.options, schema: options.schema ?? 'public' });
      await adapter.addPolicy('p', 'p', ['intern', 'notes', 'write']);
      await adapter.addPolicy('p', 'p', ['cashier', 'invoices', 'write']);
      await adapter.addPolicy('p', 'p', ['cashier', 'clerk', 'read']);
      await adapter.addPolicy('p', 'p', ['cashier', 'accountant', 'read']);
      await adapter.addPolicy('g', 'g2', ['clerk', 'viewer']);
      await adapter.addPolicy('p', 'p', ['viewer', 'clerk', 'clerk']);
      await adapter.addPolicy('p', 'p', ['viewer', 'intern', 'read']);
      await adapter.addPolicy('g', 'g', ['cashier', 'clerk']);
      await bootstrapDatabase(pool, { ...options, policy: FIRST });
    },
    'revocations of rules of two roles that become one': async (pool, options) => {
      const cashier = { permissions: { invoices: ['write'], "o'neil\\ $1": ['r'] } };
      await bootstrapDatabase(pool, { ...options, policy: { ...FIRST, roles: { ...FIRST.roles, cashier } } });
      const by = { ...layout.options, schema: options.schema ?? 'public', actor: 'root', reason: 'ticket 7' };
      const client = await pool.connect();
      const rules = [
        ['clerk', 'invoices', 'write'],
        ['cashier', "o'neil\\ $1", 'r'],
        ['cashier', 'invoices', 'write'],
        ['clerk', "o'neil\\ $1", 'r'],
      ];
      await changePolicy(client, { revoke: rules }, by);
      await changePolicy(client, { grant: rules.slice(2) }, by).finally(() => client.release());
    },
    'version 3, and rules of roles that it renamed': async (pool, options) => {
      await bootstrapDatabase(pool, { ...options, policy: SECOND });
      const adapter = createAdapter(pool, { ...layout.options, schema: options.schema ?? 'public' });
      await adapter.addPolicy('p', 'p', ['clerk', 'notes', 'read']);
    },
    'a newer version of the policy of another table': async (pool, options) => {
      const other = { name: 'rules', layout: layout.name };
      const { intern: _, ...roles } = FIRST.roles ?? {};
      const newer = { ...FIRST, version: 4, roles: { ...FIRST.roles, accountant: clerk } };
      await bootstrapDatabase(pool, { ...options, table: other, policy: newer });
      await bootstrapDatabase(pool, { ...options, policy: { ...FIRST, roles } });
      const adapter = createAdapter(pool, { ...layout.options, schema: options.schema ?? 'public' });
      await adapter.addPolicy('p', 'p', ['intern', 'notes', 'write']);
    },
    'rules of two roles that become one, whose rows were written again in another order': async (
      pool,
      options,
    ) => {
      await bootstrapDatabase(pool, { ...options, policy: FIRST });
      const adapter = createAdapter(pool, { ...layout.options, schema: options.schema ?? 'public' });
      await adapter.addPolicy('p', 'p', ['cashier', 'invoices', 'write']);
      const table = `"${options.schema ?? 'public'}".${layout.table}`;
      await pool.query(`update ${table} set ptype = ptype where ${layout.first} = 'clerk'`);
    },
    'records of two roles that become one': async (pool, options) => {
      const invoices = { permissions: { invoices: ['write'] } };
      const odd = { permissions: { "o'neil\\ $1": ['r'] } };
      const both = { permissions: { ...invoices.permissions, ...odd.permissions } };
      const release = (version: number, clerk: object, cashier: object) =>
        bootstrapDatabase(pool, {
          ...options,
          policy: { ...FIRST, version, roles: { viewer, clerk, cashier } },
        });
      await release(1, odd, invoices);
      const adapter = createAdapter(pool, { ...layout.options, schema: options.schema ?? 'public' });
      await adapter.addPolicy('p', 'p', ['clerk', 'invoices', 'write']);
      await release(2, both, both);
    },
    'a rule that version 2 left out, and that is gone': async (pool, options) => {
      const { viewer: _, ...roles } = FIRST.roles ?? {};
      const lists = { permissions: { invoices: ['read', 'list'] } };
      await bootstrapDatabase(pool, { ...options, policy: { ...FIRST, roles: { ...roles, viewer: lists } } });
      await bootstrapDatabase(pool, { ...options, policy: { ...FIRST, version: 2 } });
      const adapter = createAdapter(pool, { ...layout.options, schema: options.schema ?? 'public' });
      await adapter.removePolicy('p', 'p', ['viewer', 'invoices', 'list']);
    },
  };

  /** As if that had happened a year ago. */
  async function makeOld(pool: pg.Pool, schema: string) {
    await pool.query(`do $$ begin
      update "${schema}".casbin_bootstrap_version set at = at - interval '1 year';
    exception when undefined_table then null;
    end $$`);
  }

  async function readAll(pool: pg.Pool, schema: string) {
    const tables = [
      `select to_jsonb(rule) - 'id' as row from "${schema}".${layout.table} rule order by id`,
      `select source, version, changes, at > now() - interval '1 day' as is_new
       from "${schema}".casbin_bootstrap_version order by version`,
      `select ptype, rule, inserted, first_version, last_version, revoked_by, revoked_reason
       from "${schema}".casbin_bootstrap_rule order by ptype, rule`,
    ];
    return Promise.all(tables.map(async (query) => (await pool.query(query)).rows));
  }

  test.each(Object.keys(HISTORIES))('has the same result as a bootstrap, after %s', async (history) => {
    const schema = 'Auth';
    const options = { ...layout.options, schema, seeders: [] };
    const pools = await Promise.all([1, 2].map(async () => (await createDatabase()).pool({ max: 1 })));
    const [one, other] = pools as [pg.Pool, pg.Pool];
    for (const pool of pools) {
      await HISTORIES[history]?.(pool, options);
      await makeOld(pool, schema);
    }
    const sql = await writeBootstrapSql({ ...options, policy: SECOND });

    await bootstrapDatabase(one, { ...options, policy: SECOND });
    await other.query(sql);
    expect(await readAll(other, schema)).toEqual(await readAll(one, schema));
    const readTimes = async () =>
      (await other.query(`select at from "${schema}".casbin_bootstrap_version order by version`)).rows;
    const times = await readTimes();
    await other.query(sql);

    expect(await readAll(other, schema)).toEqual(await readAll(one, schema));
    expect(await readTimes()).toEqual(times);
    await expectComplete(other, { ...options, policy: SECOND });
    const { rows } = await other.query('show search_path');
    expect(rows).toEqual([{ search_path: '"$user", public' }]);
  });

  test('has the same result as a bootstrap on a table without ids, whose ptype has another name', async () => {
    if (layout.name === 'document') return;
    const pools = await Promise.all([1, 2].map(async () => (await createDatabase()).pool({ max: 1 })));
    const [one, other] = pools as [pg.Pool, pg.Pool];
    const options = { ...layout.options, seeders: [], journal: true };
    const columns = [0, 1, 2, 3, 4, 5].map((n) => `v${n} varchar(100) not null default ''`).join(', ');
    const first = await writeBootstrapSql({ ...options, policy: FIRST });
    const second = await writeBootstrapSql({ ...options, policy: SECOND });
    for (const pool of pools) {
      await pool.query(`create table casbin_rule (p_type varchar(100) not null, ${columns})`);
      if (pool === one) await bootstrapDatabase(pool, { ...options, policy: FIRST });
      else await pool.query(first);
      for (const [user, role] of [
        ['ann', 'intern'],
        ['ann', 'viewer'],
        ['bob', 'intern'],
        ['carol', 'clerk'],
        ['carol', 'clerk'],
      ])
        await pool.query(`insert into casbin_rule (p_type, v0, v1) values ('g', $1, $2)`, [user, role]);
    }
    const read = async (pool: pg.Pool) => (await pool.query('select * from casbin_rule order by ctid')).rows;
    const sorted = async (pool: pg.Pool) => (await read(pool)).map((row) => JSON.stringify(row)).sort();
    await bootstrapDatabase(one, { ...options, policy: SECOND });
    await other.query(second);
    expect(await sorted(other)).toEqual(await sorted(one));
    await other.query(second);
    expect(await sorted(other)).toEqual(await sorted(one));
    await expectComplete(other, { ...options, policy: SECOND });
  });

  test.each([
    ['another bootstrap', `select pg_advisory_xact_lock(${0x6373626e}, hashtext('public'))`],
    ['a change of the rules', `delete from ${layout.table} where ${layout.first} = 'intern'`],
  ])('waits for %s, and finds what that has stored', async (_, statement) => {
    const pool = (await createDatabase()).pool();
    const options = { ...layout.options, seeders: [] };
    await bootstrapDatabase(pool, { ...options, policy: FIRST });
    const other = await pool.connect();
    await other.query('begin');
    await other.query(statement);
    const script = pool.query(await writeBootstrapSql({ ...options, policy: SECOND }));
    const isWaiting = async () => {
      const { rowCount } = await other.query(`
        select from pg_locks join pg_database on pg_database.oid = database
        where not granted and datname = current_database()`);
      return rowCount === 1;
    };
    await vi.waitUntil(isWaiting, { timeout: 30_000, interval: 20 });
    await layout.insert(other, ['g', 'ann', 'intern']);
    await other.query('commit');
    other.release();
    await script;
    expect(await storedRules(pool, layout.table)).toContainEqual(['g', 'ann', 'viewer']);
  });

  test('may be run in a session of its own, on tables that were made before', async () => {
    const database = await createDatabase();
    const options = { ...layout.options, policy: FIRST, seeders: [] };
    const tables = database.pool({ max: 1 });
    await tables.query(await writeBootstrapSql(options, { schemaOnly: true }));
    await layout.insert(tables, ['p', 'viewer', 'invoices', 'read']);
    const pool = database.pool({ max: 1 });
    await pool.query(await writeBootstrapSql({ ...options, migrations: false }));
    const { rows } = await pool.query('select rule from casbin_bootstrap_rule where not inserted');
    expect(rows).toEqual([{ rule: '["viewer","invoices","read"]' }]);
  });

  test('takes over the record of a table that was renamed, as a bootstrap does', async () => {
    const pools = await Promise.all([1, 2].map(async () => (await createDatabase()).pool({ max: 1 })));
    const [one, other] = pools as [pg.Pool, pg.Pool];
    for (const pool of pools) {
      await bootstrapDatabase(pool, { ...layout.options, policy: FIRST, seeders: [] });
      await pool.query(`alter table ${layout.table} rename to rules`);
    }
    const options = { table: { name: 'rules', layout: layout.name }, policy: SECOND, seeders: [] };
    await bootstrapDatabase(one, options);
    await other.query(await writeBootstrapSql(options));
    const read = async (pool: pg.Pool) => {
      const record = await pool.query(
        'select source, ptype, rule, inserted, first_version from casbin_bootstrap_rule order by ptype, rule',
      );
      return [record.rows, await storedRules(pool, 'rules')];
    };
    expect(await read(other)).toEqual(await read(one));
    await expectComplete(other, options);
  });

  test('counts a rule of somebody else as its own once it has to insert it', async () => {
    const pool = (await createDatabase()).pool({ max: 1 });
    const options = { ...layout.options, seeders: [] };
    const [first, second] = [
      ['p', 'viewer', 'invoices', 'read'],
      ['p', 'viewer', 'notes', 'read'],
    ];
    const policy = { version: 2, rules: [first, second] };
    await bootstrapDatabase(pool, { ...options, policy: { version: 1, rules: [first] } });
    await layout.insert(pool, second);
    const script = await writeBootstrapSql({ ...options, policy });
    const readInserted = async () => {
      await pool.query(script);
      const { rows } = await pool.query('select inserted from casbin_bootstrap_rule order by rule');
      return rows.map(({ inserted }) => inserted);
    };
    expect(await readInserted()).toEqual([true, false]);
    await pool.query(`delete from ${layout.table}`);
    expect(await readInserted()).toEqual([true, true]);
    expect(await storedRules(pool, layout.table)).toEqual(policy.rules);
  });

  test('retires a rule where no role is retired', async () => {
    const pool = (await createDatabase()).pool({ max: 1 });
    const options = { ...layout.options, seeders: [] };
    const [kept, retired] = [
      ['p', 'viewer', 'invoices', 'read'],
      ['p', 'viewer', 'notes', 'read'],
    ];
    await bootstrapDatabase(pool, { ...options, policy: { version: 1, rules: [kept, retired] } });
    const policy = { version: 2, rules: [kept], retired: { rules: [retired] } };
    await pool.query(await writeBootstrapSql({ ...options, policy }));
    expect(await storedRules(pool, layout.table)).toEqual([kept]);
    await expectComplete(pool, { ...options, policy });
  });

  test('renames a role in rules that have one value', async () => {
    const pool = (await createDatabase()).pool({ max: 1 });
    const model = newModelFromString(modelText({ r: 'sub', p: 'sub', m: 'g(r.sub, p.sub)' }));
    const options = { ...layout.options, seeders: [], model };
    const rulesOf = (...roles: string[]) => [
      ...roles.map((role) => ['p', role]),
      ['g', 'ann', roles[0] ?? ''],
    ];
    await bootstrapDatabase(pool, { ...options, policy: { version: 1, rules: rulesOf('boss', 'clerk') } });
    const policy: PolicyDefinition = {
      version: 2,
      rules: rulesOf('chief', 'accountant'),
      renamed: { roles: { boss: 'chief', clerk: 'accountant' } },
    };
    await pool.query(await writeBootstrapSql({ ...options, policy }));
    await expectComplete(pool, { ...options, policy });
    expect(await storedRules(pool, layout.table)).toEqual([
      ['p', 'chief'],
      ['p', 'accountant'],
      ['g', 'ann', 'chief'],
    ]);
  });

  test('removes no row of another partition that has the same place there', async () => {
    if (layout.name === 'document') return;
    const pool = (await createDatabase()).pool({ max: 1 });
    const columns = [0, 1, 2, 3, 4, 5].map((n) => `v${n} varchar(100)`).join(', ');
    await pool.query(`
      create table casbin_rule (ptype varchar(100), ${columns}) partition by list (ptype);
      create table permissions partition of casbin_rule for values in ('p');
      create table links partition of casbin_rule default;
      insert into casbin_rule (ptype, v0, v1, v2) values
        ('p', 'viewer', 'invoices', 'read'), ('p', 'bob', 'notes', 'read'), ('p', 'clerk', 'invoices', 'write'),
        ('g', 'ann', 'accountant', null), ('g', 'ann', 'clerk', null)
    `);
    const policy: PolicyDefinition = {
      version: 1,
      roles: { viewer, accountant: { permissions: { invoices: ['write'] } } },
      renamed: { roles: { clerk: 'accountant' } },
    };
    await pool.query(await writeBootstrapSql({ ...layout.options, seeders: [], policy }));
    const { rows } = await pool.query('select ptype, v0, v1, v2 from casbin_rule order by 1, 2, 3');
    expect(rows.map((row) => Object.values(row).join(' ').trim())).toEqual([
      'g ann accountant',
      'p accountant invoices write',
      'p bob notes read',
      'p viewer invoices read',
    ]);
  });

  test('records what a bootstrap without a version has inserted, also run statement by statement', async () => {
    const pool = (await createDatabase()).pool({ max: 1 });
    await bootstrapDatabase(pool, {
      ...layout.options,
      policy: { roles: { viewer, clerk, intern } },
      seeders: [],
    });
    const script = await writeBootstrapSql({ ...layout.options, policy: FIRST, seeders: [] });
    for (const statement of script.split(/\n\n(?=--|create|do )/)) await pool.query(statement);
    const { rows } = await pool.query('select distinct inserted from casbin_bootstrap_rule');
    expect(rows).toEqual([{ inserted: true }]);
  });

  test('may be run statement by statement, and the journal has the version as release', async () => {
    const pool = (await createDatabase()).pool({ max: 1 });
    const options = { ...layout.options, policy: FIRST, seeders: [], journal: true };
    const statements = (await writeBootstrapSql(options)).split(/\n\n(?=--|create|do )/);
    for (const statement of statements) await pool.query(statement);
    await expectComplete(pool, options);
    // In the transaction of the script, too.
    await pool.query(
      `${statements.join('\n\n')}\ndelete from ${layout.table} where ${layout.first} = 'intern'`,
    );

    const [entry] = await readJournal(pool, { limit: 1, value: 'clerk' });
    expect(entry).toMatchObject({ actor: 'casbin-bootstrap', release: '1' });
    const [last] = await readJournal(pool, { limit: 1 });
    expect(last).toMatchObject({ operation: 'removed', actor: null, release: null });
  });
});
