import { describe, expect, test } from 'vitest';
import { bootstrapDatabase, type Migration, rowSeeder, type Seeder } from '../../src/index.ts';
import { captureLog, linesOf } from '../bootstrap/log.fixture.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { openWire } from '../support/wire.ts';

/** Runs just these seeders, on tables that `ddl` makes. */
async function seed(database: TestDatabase, ddl: string, ...seeders: Seeder[]) {
  await database.pool().query(ddl);
  const report = await bootstrapDatabase(database.pool(), { seeders });
  return report.seeders.slice(1);
}

async function rowsOf(database: TestDatabase, query: string) {
  return (await database.pool().query(query)).rows;
}

describe('a row seeder fills', () => {
  test('tables of system roles and permissions, leaving what administrators changed', async () => {
    const database = await createDatabase();
    const ddl = `
      create table roles (id serial primary key, name text unique not null, description text);
      create table permissions (resource text, action text, label text, primary key (resource, action));
    `;
    const roles = rowSeeder({
      name: 'roles',
      table: 'roles',
      key: 'name',
      rows: [
        { name: 'readonly', description: 'Looks' },
        { name: 'admin', description: 'Does everything' },
      ],
    });
    const permissions = rowSeeder({
      name: 'permissions',
      table: 'permissions',
      key: ['resource', 'action'],
      rows: [
        { resource: 'accounts', action: 'read', label: 'See accounts' },
        { resource: 'accounts', action: 'write', label: 'Change accounts' },
        { resource: 'users', action: 'read', label: 'See users' },
      ],
    });

    const first = await seed(database, ddl, roles, permissions);
    await database.pool().query(`update roles set description = 'Changed' where name = 'admin'`);
    await database.pool().query(`delete from permissions where resource = 'users'`);
    const second = await seed(database, '', roles, permissions);

    expect(first.map(({ name, inserted, total }) => [name, inserted, total])).toEqual([
      ['roles', 2, 2],
      ['permissions', 3, 3],
    ]);
    expect(second.map(({ inserted, existing }) => [inserted, existing])).toEqual([
      [0, 2],
      [1, 2],
    ]);
    expect(await rowsOf(database, 'select id, name, description from roles order by id')).toEqual([
      { id: 1, name: 'readonly', description: 'Looks' },
      { id: 2, name: 'admin', description: 'Changed' },
    ]);
  });

  test('default configuration, one setting a row', async () => {
    const database = await createDatabase();
    const settings = rowSeeder({
      name: 'settings',
      table: 'settings',
      key: 'key',
      rows: [
        { key: 'currency', value: 'EUR' },
        { key: 'limits', value: { daily: 100, tags: ['a', 'b'], nested: { on: true, none: null } } },
        { key: 'features', value: ['x', 1, false] },
        { key: 'retries', value: 3 },
        { key: 'off', value: false },
      ],
    });

    await seed(database, 'create table settings (key text primary key, value jsonb not null)', settings);

    const rows = await rowsOf(database, 'select key, value from settings');
    expect(Object.fromEntries(rows.map(({ key, value }) => [key, value]))).toEqual({
      currency: 'EUR',
      limits: { daily: 100, tags: ['a', 'b'], nested: { on: true, none: null } },
      features: ['x', 1, false],
      retries: 3,
      off: false,
    });
  });

  test('rows of an interface of the application', async () => {
    interface Setting {
      readonly id: number;
      readonly currency: string;
    }
    const rows: Setting[] = [{ id: 1, currency: 'EUR' }];
    const database = await createDatabase();
    const seeder = rowSeeder({ name: 'settings', table: 'setting', key: 'id', rows });

    const [report] = await seed(database, 'create table setting (id int primary key, currency text)', seeder);

    expect(report).toMatchObject({ inserted: 1, existing: 0 });
    expect(await rowsOf(database, 'select id, currency from setting')).toEqual(rows);
  });

  test('a table that must have a single row', async () => {
    const database = await createDatabase();
    const ddl = `
      create table company (
        sole boolean primary key default true check (sole),
        name text not null default 'Unnamed',
        founded date
      )
    `;
    const company = rowSeeder({ name: 'company', table: 'company', key: 'sole', rows: [{ sole: true }] });

    await seed(database, ddl, company);
    await database.pool().query(`update company set name = 'Acme'`);
    const [again] = await seed(database, '', company);

    expect(again).toMatchObject({ inserted: 0, existing: 1 });
    expect(await rowsOf(database, 'select sole, name from company')).toEqual([{ sole: true, name: 'Acme' }]);
  });

  test('a table of another schema, named as schema.table', async () => {
    const database = await createDatabase();
    const ddl = `create schema "ref data"; create table "ref data".units (code text primary key)`;
    const units = rowSeeder({ name: 'units', table: 'ref data.units', key: 'code', rows: [{ code: 'kg' }] });

    const [first] = await seed(database, ddl, units);
    const [second] = await seed(database, '', units);

    expect([first?.inserted, second?.existing]).toEqual([1, 1]);
    expect(await rowsOf(database, 'select code from "ref data".units')).toEqual([{ code: 'kg' }]);
  });

  test('columns that a row leaves out by their defaults, row by row', async () => {
    const database = await createDatabase();
    const ddl = `
      create table lookup (code text primary key, label text default 'none', rank int default 7, note text)
    `;
    const lookup = rowSeeder({
      name: 'lookup',
      table: 'lookup',
      key: 'code',
      rows: [
        { code: 'a' },
        { code: 'b', label: 'B' },
        { code: 'c', rank: 1, label: undefined },
        { rank: 2, label: null, code: 'd' },
        { code: 'e', label: 'E', rank: 3, note: 'x' },
      ],
    });

    const [report] = await seed(database, ddl, lookup);

    expect(report).toMatchObject({ inserted: 5, total: 5 });
    expect(await rowsOf(database, 'select code, label, rank, note from lookup order by code')).toEqual([
      { code: 'a', label: 'none', rank: 7, note: null },
      { code: 'b', label: 'B', rank: 7, note: null },
      { code: 'c', label: 'none', rank: 1, note: null },
      { code: 'd', label: null, rank: 2, note: null },
      { code: 'e', label: 'E', rank: 3, note: 'x' },
    ]);
  });

  test('more rows than one statement takes', async () => {
    const database = await createDatabase();
    const rows = Array.from({ length: 60_000 }, (_, n) => ({ code: `c${n}`, n }));
    const many = rowSeeder({ name: 'many', table: 'many', key: 'code', rows });

    const [first] = await seed(database, 'create table many (code text primary key, n int)', many);
    await database.pool().query(`delete from many where n = 59999`);
    const [second] = await seed(database, '', many);

    expect([first?.inserted, second?.inserted, second?.existing]).toEqual([60_000, 1, 59_999]);
  });
});

test('a row seeder without rows needs no table', async () => {
  const database = await createDatabase();
  const none = rowSeeder({ name: 'none', table: 'none', key: 'id', rows: [] });
  expect(await seed(database, '', none)).toMatchObject([{ inserted: 0, existing: 0 }]);
});

test('a row seeder uses up no ids, whatever is there already', async () => {
  const database = await createDatabase();
  const roles = (...names: string[]) =>
    rowSeeder({ name: 'roles', table: 'roles', key: 'name', rows: names.map((name) => ({ name })) });
  await seed(database, 'create table roles (id serial primary key, name text unique)', roles('a', 'b'));
  await database.pool().query(`delete from roles where name = 'b'`);
  await seed(database, '', roles('a', 'b'));
  await seed(database, '', roles('a', 'b', 'c'));

  expect(await rowsOf(database, 'select id, name from roles order by id')).toEqual([
    { id: 1, name: 'a' },
    { id: 3, name: 'b' },
    { id: 4, name: 'c' },
  ]);
});

test('rows get their ids in the order given, whatever plan the server has for them', async () => {
  const database = await createDatabase();
  const rows = Array.from({ length: 20 }, (_, number) => ({ word: `word ${number}` }));
  await database.pool().query('create table words (id serial primary key, word text unique not null)');
  await database.pool().query(`insert into words (word) values ('word 7')`);
  // By this plan, the server looks for the rows that are there in the order of their keys.
  const pool = database.pool({ options: '-c enable_hashjoin=off -c enable_nestloop=off' });

  await bootstrapDatabase(pool, {
    seeders: [rowSeeder({ name: 'words', table: 'words', key: 'word', rows })],
  });

  expect(await rowsOf(database, 'select word from words where id > 1 order by id')).toEqual(
    rows.toSpliced(7, 1),
  );
});

test('a row seeder logs each row by its key, under its own name', async () => {
  const database = await createDatabase();
  const { logger, lines } = captureLog();
  const ddl: Migration = {
    up: async (db) => {
      await db.schema
        .createTable('days')
        .addColumn('day', 'timestamptz', (column) => column.primaryKey())
        .execute();
    },
  };
  const days = (...rows: { day: Date }[]) =>
    rowSeeder({ name: 'days', table: 'days', key: 'day', rows, migrations: { days_0001: ddl } });
  const [one, two] = [{ day: new Date('2026-01-01T00:00:00Z') }, { day: new Date('2026-01-02T12:30:00.5Z') }];
  await bootstrapDatabase(database.pool(), { seeders: [days(one)] });

  await bootstrapDatabase(database.pool(), { seeders: [days(one, two)], logger });

  expect(linesOf(lines, 'days_exists').map(({ day }) => day)).toEqual(['2026-01-01T00:00:00.000Z']);
  expect(linesOf(lines, 'days_seeded').map(({ day }) => day)).toEqual(['2026-01-02T12:30:00.500Z']);
  expect(linesOf(lines, 'days_seeding_complete')).toEqual([
    expect.objectContaining({ seeded: 1, skipped: 1, total: 2 }),
  ]);
});

test('a row may refer to one before it, whatever columns both have, and one statement inserts them', async () => {
  const database = await createDatabase();
  await database.pool().query('create table units (id int primary key, parent int references units)');
  await using wire = await openWire(database.url);
  const pool = database.pool({ connectionString: wire.url });
  const rows: { id: number; parent?: number | null }[] = [
    { id: 1, parent: null },
    { id: 2 },
    { id: 3, parent: 2 },
    { id: 4 },
    { id: 5, parent: 3 },
  ];
  const units = rowSeeder({ name: 'units', table: 'units', key: 'id', rows });
  const report = await bootstrapDatabase(pool, { seeders: [units] });
  expect(report.seeders[1]).toMatchObject({ inserted: 5 });
  expect(wire.statements.filter((statement) => statement.includes('insert into "units"'))).toHaveLength(1);
  expect(await rowsOf(database, 'select id, parent from units order by id')).toEqual(
    rows.map(({ id, parent = null }) => ({ id, parent })),
  );
});

test('rows that refer to the one before may give many different columns, and some of them are there', async () => {
  const database = await createDatabase();
  const letters = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
  const columns = letters.map((letter) => `${letter} text default 'none'`).join(', ');
  const ddl = `create table units (id int primary key, parent int references units, ${columns})`;
  const rows = Array.from({ length: 2 ** letters.length }, (_, id) => {
    const given = letters.filter((_letter, bit) => id & (1 << bit)).map((letter) => [letter, `${id}`]);
    return { id, parent: id === 0 ? null : id - 1, ...Object.fromEntries(given) };
  });
  const units = (some: typeof rows) => rowSeeder({ name: 'units', table: 'units', key: 'id', rows: some });
  await seed(database, ddl, units(rows.slice(0, 30)));

  const [report] = await seed(database, '', units(rows));

  expect(report).toMatchObject({ inserted: 98, existing: 30 });
  const stored = await rowsOf(database, 'select * from units order by id');
  expect(stored).toEqual(
    rows.map((row) => ({ ...Object.fromEntries(letters.map((letter) => [letter, 'none'])), ...row })),
  );
});
