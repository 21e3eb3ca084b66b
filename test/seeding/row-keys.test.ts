import { describe, expect, test } from 'vitest';
import { bootstrapDatabase, rowSeeder } from '../../src/index.ts';
import { captureLog, linesOf } from '../bootstrap/log.fixture.ts';
import { useDatabase } from '../support/database.ts';

const database = useDatabase();

async function makeTable(ddl: string): Promise<void> {
  await database.pool().query(ddl);
}

/** Seeds the rows; gives the counts, and the keys of those that the log calls inserted. */
async function seed(table: string, rows: readonly { key: unknown; value?: unknown }[]) {
  const { logger, lines } = captureLog('info');
  const seeders = [rowSeeder({ name: table, table, key: 'key', rows })];
  const report = await bootstrapDatabase(database.pool(), { seeders, logger });
  const { inserted, existing } = report.seeders[1] ?? {};
  return { inserted, existing, logged: linesOf(lines, `${table}_seeded`).map(({ key }) => key) };
}

async function columnsOf(table: string) {
  const { rows } = await database.pool().query(`select key::text, n from ${table} order by n`);
  return rows.map(({ key, n }) => [key, n]);
}

describe('rows that are given differently but are equal to PostgreSQL', () => {
  const rows = ['1.50', '2', '1.5', '3'].map((key) => ({ key }));

  test('are inserted once into an empty table, and the first of them is logged', async () => {
    await makeTable('create table alike (key numeric primary key, n int generated always as identity)');
    expect(await seed('alike', rows)).toEqual({ inserted: 3, existing: 1, logged: ['1.50', '2', '3'] });
  });

  test('are inserted once while others insert them too, which use no numbers', async () => {
    await makeTable('create table beside (key numeric primary key, n serial)');
    await seed('beside', [{ key: '2.0' }, { key: '7' }]);
    expect(await seed('beside', rows)).toEqual({ inserted: 2, existing: 2, logged: ['1.50', '3'] });
    expect((await columnsOf('beside')).slice(0, 3)).toEqual([
      ['2.0', 1],
      ['7', 2],
      ['1.50', 3],
    ]);
  });
});

test('of rows that are there in part, the missing ones are inserted and logged in their order', async () => {
  await makeTable('create table part (key int primary key, n serial)');
  await seed('part', [{ key: 2 }, { key: 4 }]);
  const five = [5, 4, 3, 2, 1].map((key) => ({ key }));
  expect(await seed('part', five)).toEqual({ inserted: 3, existing: 2, logged: [5, 3, 1] });
  expect(await columnsOf('part')).toEqual([
    ['2', 1],
    ['4', 2],
    ['5', 3],
    ['3', 4],
    ['1', 5],
  ]);
});

describe('a key is found again by what it was given as, where the column changes it', () => {
  test.for([
    ['numeric(6, 2)', '1.005', '1.01', '7'],
    ['char(4)', 'ab', 'ab', 'cd'],
    ['varchar(3)', 'ab    ', 'ab ', 'cd'],
    ['timestamp(0)', '2026-01-01T00:00:00.6', '2026-01-01 00:00:01', '2026-01-02'],
    ['interval hour', '5', '05:00:00', '6'],
    ['bit(3)', '101', '101', '111'],
    ['citizen', 'AB', 'AB', 'CD'],
    ['mood', 'good', 'good', 'bad'],
  ] as const)('%s', async ([type, key, stored, other], { task }) => {
    await makeTable(`
      drop domain if exists citizen; drop type if exists mood;
      create domain citizen as varchar(3); create type mood as enum ('good', 'bad')
    `);
    const table = `m_${task.id.replace(/\W/g, '_')}`;
    await makeTable(`create table ${table} (key ${type} primary key, n serial)`);
    expect(await seed(table, [{ key }])).toEqual({ inserted: 1, existing: 0, logged: [key] });
    expect(await seed(table, [{ key }])).toMatchObject({ inserted: 0, existing: 1 });
    expect(await columnsOf(table)).toEqual([[stored, 1]]);
    expect(await seed(table, [{ key }, { key: other }]), 'beside a missing one').toEqual({
      inserted: 1,
      existing: 1,
      logged: [other],
    });
    await makeTable(`drop table ${table}`);
  });
});

test.for([
  ['varchar(3)', 'abcd', /value too long for type character varying\(3\)/],
  ['char(3)', 'abcd', /value too long for type character\(3\)/],
  ['numeric(3, 1)', 1000, /numeric field overflow/],
  ['int', '1.5', /invalid input syntax for type integer/],
  ['boolean', 'maybe', /invalid input syntax for type boolean/],
] as const)(
  'a value that %s has no room for is refused, not cut: %j',
  async ([type, value, message], { task }) => {
    const table = `v_${task.id.replace(/\W/g, '_')}`;
    await makeTable(`create table ${table} (key int primary key, value ${type})`);
    await expect(seed(table, [{ key: 1, value }])).rejects.toMatchObject({
      code: 'SEEDER_FAILED',
      message: expect.stringMatching(message),
    });
  },
);

test('a column of the key may be called position', async () => {
  await makeTable('create table slots (board int, position int, primary key (board, position))');
  const rows = [1, 2, 3].map((position) => ({ board: 1, position }));
  const slots = (some: typeof rows) =>
    rowSeeder({ name: 'slots', table: 'slots', key: ['board', 'position'], rows: some });
  await bootstrapDatabase(database.pool(), { seeders: [slots(rows.slice(0, 1))] });
  const report = await bootstrapDatabase(database.pool(), { seeders: [slots(rows)] });
  expect(report.seeders[1]).toMatchObject({ inserted: 2, existing: 1 });
});

test('a list of bigints may be a key', async () => {
  await makeTable('create table paths (key bigint[] primary key)');
  expect(await seed('paths', [{ key: [1n, 2n] }, { key: [3n] }])).toMatchObject({ inserted: 2, existing: 0 });
  expect(await seed('paths', [{ key: [1n, 2n] }, { key: [3n] }])).toMatchObject({ inserted: 0, existing: 2 });
});
