import { type Kysely, sql } from 'kysely';
import { describe, expect, test } from 'vitest';
import { bootstrapDatabase, definePolicy, planBootstrap, rowSeeder, type Seeder } from '../../src/index.ts';
import { renderPlan } from '../../src/render/plan.ts';
import { createDatabase } from '../support/database.ts';

const POLICY = definePolicy({
  roles: {
    viewer: { permissions: { invoices: ['read'] } },
    clerk: { inherits: ['viewer'], permissions: { invoices: ['write'] } },
  },
});

describe('a plan', () => {
  test('of an empty database has everything in it, and changes nothing', async () => {
    const pool = (await createDatabase()).pool();
    await expect(planBootstrap(pool, { policy: POLICY })).resolves.toMatchObject({
      dryRun: true,
      changed: true,
      migrations: [{ name: '0001_casbin' }, { name: '0002_providers' }],
      rules: [
        ['p', 'viewer', 'invoices', 'read'],
        ['p', 'clerk', 'invoices', 'write'],
        ['g', 'clerk', 'viewer'],
      ],
      seeders: [
        { name: 'rbac', inserted: 3 },
        { name: 'providers', inserted: 3 },
      ],
      verification: { ok: true, checks: 6 },
    });
    const { rows } = await pool.query("select to_regclass('casbin') as casbin");
    expect(rows).toEqual([{ casbin: null }]);
  });

  test('has the schema that would be created', async () => {
    const pool = (await createDatabase()).pool();
    const options = { policy: POLICY, seeders: [], schema: 'Auth' };
    const plan = await planBootstrap(pool, options);
    expect(plan).toMatchObject({ newSchema: 'Auth', migrations: [{ name: '0001_casbin' }] });
    expect(renderPlan(plan, { where: 'here', color: false })).toContain(
      '\n  + schema Auth\n  + migration 0001_casbin\n',
    );
    await bootstrapDatabase(pool, options);
    await expect(planBootstrap(pool, options)).resolves.toMatchObject({ newSchema: null, changed: false });
    await expect(planBootstrap(pool, { policy: POLICY })).resolves.toMatchObject({ newSchema: null });
  });

  test('has only what is missing', async () => {
    const pool = (await createDatabase()).pool();
    const settings = rowSeeder({
      name: 'settings',
      table: 'settings',
      key: 'id',
      rows: [{ id: 1 }, { id: 2 }],
    });
    await pool.query('create table settings (id int primary key); insert into settings values (2)');
    await bootstrapDatabase(pool, { policy: POLICY, seeders: [] });
    await pool.query(`delete from casbin where ptype = 'g'`);

    await expect(planBootstrap(pool, { policy: POLICY, seeders: [settings] })).resolves.toMatchObject({
      changed: true,
      migrations: [],
      rules: [['g', 'clerk', 'viewer']],
      seeders: [
        { name: 'rbac', inserted: 1 },
        { name: 'settings', inserted: 1, existing: 1 },
      ],
    });
  });

  test('lists rows of a table with a column called inserted', async () => {
    const pool = (await createDatabase()).pool();
    await pool.query('create table parcels (id int primary key, inserted boolean default true)');
    const parcels = rowSeeder({ name: 'parcels', table: 'parcels', key: 'id', rows: [{ id: 1 }] });
    const { rows } = await planBootstrap(pool, { policy: POLICY, seeders: [parcels] });
    expect(rows).toEqual([{ seeder: 'parcels', table: 'public.parcels', values: { id: 1, inserted: true } }]);
  });

  test('lists rows with their columns in order, and with exact numbers', async () => {
    const pool = (await createDatabase()).pool();
    await pool.query(
      'create table numbers (name text primary key, large bigint, round bigint, debt bigint, price numeric, tiny numeric, loss numeric, small float8, sum float8, "in" jsonb)',
    );
    const values = {
      name: 'the "largest" 9007199254740993',
      large: 9_007_199_254_740_993n,
      // JavaScript writes it with these digits, but holds 1000000000000000128.
      round: 1_000_000_000_000_000_100n,
      debt: -9_007_199_254_740_993n,
      price: '4.00000000000000000001',
      tiny: `0.${'0'.repeat(400)}1`,
      loss: -0.0000001,
      small: 0.0000001,
      sum: 0.1 + 0.2,
      in: [1.5, '9007199254740993', { n: 7 }],
    };
    const numbers = rowSeeder({ name: 'numbers', table: 'numbers', key: 'name', rows: [values] });
    const { rows } = await planBootstrap(pool, { policy: POLICY, seeders: [numbers] });
    expect(rows).toMatchObject([
      {
        values: {
          ...values,
          large: '9007199254740993',
          round: '1000000000000000100',
          debt: '-9007199254740993',
        },
      },
    ]);
    expect(Object.keys(rows[0]?.values ?? {})).toEqual(Object.keys(values));
  });

  test('lists what seeders that are programs insert, and leaves nothing of it', async () => {
    const pool = (await createDatabase()).pool();
    await pool.query('create table employees (name text primary key)');
    await bootstrapDatabase(pool, { policy: POLICY, seeders: [] });
    const firstAdmin: Seeder = {
      name: 'first admin',
      async seed({ db, adapter }) {
        await sql`insert into employees values ('root'), ('jane')`.execute(db);
        await adapter.addPolicy('g', 'g', ['root', 'clerk']);
        return { inserted: 3, existing: 0 };
      },
    };
    const plan = await planBootstrap(pool, { policy: POLICY, seeders: [firstAdmin] });
    expect(plan).toMatchObject({
      changed: true,
      seeders: [
        { name: 'rbac', inserted: 0 },
        { name: 'first admin', inserted: 3 },
      ],
    });
    expect(plan.rows).toEqual([
      {
        seeder: 'first admin',
        table: 'public.casbin',
        values: { id: expect.any(Number), ptype: 'g', rule: ['root', 'clerk'] },
      },
      { seeder: 'first admin', table: 'public.employees', values: { name: 'root' } },
      { seeder: 'first admin', table: 'public.employees', values: { name: 'jane' } },
    ]);
    expect(renderPlan(plan, { where: 'here' })).toContain(
      '\n  + 3 rows by first admin, beside 0 there\n  + public.casbin: id = ',
    );
    const { rows } = await pool.query(
      'select (select count(*) from employees) + (select count(*) from casbin) as n',
    );
    expect(rows).toEqual([{ n: '3' }]);
  });

  test('lists rows of each seeder by itself, of savepoints and functions too, and of no other transaction', async () => {
    const database = await createDatabase();
    const pool = database.pool();
    const setUp = {
      async up(db: Kysely<unknown>) {
        await sql`insert into notes values ('migration')`.execute(db);
      },
    };
    await pool.query('create table notes (text text); create table secrets (text text)');
    const one: Seeder = {
      name: 'one',
      async seed({ db }) {
        await sql`savepoint mine`.execute(db);
        await sql`insert into notes values ('kept')`.execute(db);
        await sql`release savepoint mine`.execute(db);
        await sql`savepoint mine`.execute(db);
        await sql`insert into notes values ('taken back')`.execute(db);
        await sql`rollback to savepoint mine`.execute(db);
        await pool.query(`do $$ begin
          for command in 1..100 loop insert into notes values ('of another'); end loop;
        end $$`);
        return { inserted: 1, existing: 0 };
      },
    };
    const two: Seeder = {
      name: 'two',
      async seed({ db }) {
        await sql`do $$ begin
          begin insert into notes values ('function'); exception when others then null; end;
        end $$`.execute(db);
        return { inserted: 1, existing: 0 };
      },
    };
    const plan = await planBootstrap(pool, {
      policy: POLICY,
      migrations: { '1': setUp },
      seeders: [one, two],
      journal: true,
    });
    expect(plan.rows).toEqual([
      { seeder: 'one', table: 'public.notes', values: { text: 'kept' } },
      { seeder: 'two', table: 'public.notes', values: { text: 'function' } },
    ]);
  });

  test('lists rules that a seeder adds, without their records, and up to a thousand rows of a table', async () => {
    const pool = (await createDatabase()).pool();
    await pool.query('create table codes (id int primary key)');
    const granting: Seeder = {
      name: 'granting',
      async seed({ adapter }) {
        await adapter.addPolicy('p', 'p', ['user', 'reports', 'read']);
        return { inserted: 1, existing: 0 };
      },
    };
    const rows = Array.from({ length: 1_001 }, (_, id) => ({ id }));
    const plan = await planBootstrap(pool, {
      policy: POLICY,
      journal: true,
      seeders: [granting, rowSeeder({ name: 'codes', table: 'codes', key: 'id', rows })],
    });
    expect(plan.rows).toMatchObject([
      { table: 'public.casbin', values: { rule: ['user', 'reports', 'read'] } },
      ...rows.slice(0, -1).map((values) => ({ table: 'public.codes', values })),
    ]);
  });

  test('lists no rows that migrations and seeders only update', async () => {
    const database = await createDatabase();
    const pool = database.pool();
    await pool.query(`
      create table settings (tenant text, name text, value text, primary key (tenant, name));
      create table "Odd Names" ("no key" text);
      create table notes (text text);
      create schema other; create table other.settings (id int primary key);
      insert into other.settings values (1);
      insert into notes values ('before');
      insert into settings values ('a', 'colour', 'red'), ('a', 'size', 'large');
      insert into "Odd Names" values ('before')`);
    const migrations = {
      '1': {
        async up(db: Kysely<unknown>) {
          await sql`update settings set value = 'green' where name = 'colour'`.execute(db);
          await sql`update notes set text = 'migrated'`.execute(db);
        },
      },
    };
    const seeders = [
      `insert into settings values ('a', 'weight', 'light'); insert into notes values ('new')`,
      `insert into settings values ('a', 'size', 'small'), ('b', 'size', 'small')
       on conflict (tenant, name) do update set value = excluded.value;
       create table fresh (id int primary key); insert into fresh values (1); update fresh set id = 2;
       update other.settings set id = id; insert into other.settings values (2);
       update "Odd Names" set "no key" = 'after'; insert into "Odd Names" values ('new')`,
      `update settings set value = 'none'`,
    ].map(
      (text, index): Seeder => ({
        name: `seeder ${index}`,
        async seed({ db }) {
          for (const statement of text.split(';')) await sql.raw(statement).execute(db);
          return { inserted: 1, existing: 0 };
        },
      }),
    );
    // Another session: the server still counts what this one has done before.
    const { rows } = await planBootstrap(database.pool(), { policy: POLICY, migrations, seeders });
    const settings = { table: 'public.settings' };
    expect(rows).toEqual([
      { table: 'public.notes', seeder: 'seeder 0', values: { text: 'new' } },
      { ...settings, seeder: 'seeder 0', values: { tenant: 'a', name: 'weight', value: 'light' } },
      { table: 'other.settings', seeder: 'seeder 1', values: { id: 2 } },
      { table: 'public.fresh', seeder: 'seeder 1', values: { id: 2 } },
      { ...settings, seeder: 'seeder 1', values: { tenant: 'b', name: 'size', value: 'small' } },
    ]);
  });

  test('lists no rows of a table that the role may not read', async () => {
    const database = await createDatabase();
    const pool = database.pool();
    await bootstrapDatabase(pool, { policy: POLICY, seeders: [] });
    const role = await database.createRole();
    await pool.query(`create table secrets (text text); create table notes (text text);
      grant insert on secrets to ${role.name}; grant select, insert, update on all tables in schema public to ${role.name};
      revoke select on secrets from ${role.name}; grant usage on all sequences in schema public to ${role.name}`);
    const secret: Seeder = {
      name: 'secret',
      async seed({ db }) {
        await sql`insert into secrets values ('hidden')`.execute(db);
        await sql`insert into notes values ('shown')`.execute(db);
        return { inserted: 2, existing: 0 };
      },
    };
    const plan = await planBootstrap(database.pool({ connectionString: role.url }), {
      policy: POLICY,
      seeders: [secret],
    });
    expect(plan).toMatchObject({
      seeders: [{ name: 'rbac' }, { name: 'secret', inserted: 2 }],
      rows: [{ table: 'public.notes' }],
    });
  });

  test('is empty where there is nothing to do', async () => {
    const pool = (await createDatabase()).pool();
    await bootstrapDatabase(pool, { policy: POLICY });
    await expect(planBootstrap(pool, { policy: POLICY })).resolves.toMatchObject({
      changed: false,
      migrations: [],
      rules: [],
    });
  });

  test('fails as the bootstrap would', async () => {
    const pool = (await createDatabase()).pool();
    await bootstrapDatabase(pool, { policy: POLICY, seeders: [] });
    await expect(planBootstrap(pool)).rejects.toMatchObject({ code: 'POLICY_MISSING' });
    await expect(planBootstrap(pool, { policy: 'none.yaml' })).rejects.toMatchObject({
      code: 'INVALID_OPTIONS',
    });
  });
});
