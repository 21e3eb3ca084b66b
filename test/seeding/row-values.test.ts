import { afterEach, describe, expect, test, vi } from 'vitest';
import { bootstrapDatabase, rowSeeder, type Seeder } from '../../src/index.ts';
import { useDatabase } from '../support/database.ts';
import { openWire } from '../support/wire.ts';

const database = useDatabase();

afterEach(() => vi.unstubAllEnvs());

/** Seeds one value into a column of the type, twice, and reads it back as text. */
async function store(type: string, value: unknown, table: string): Promise<unknown> {
  const pool = database.pool();
  await pool.query(`create table ${table} (id int primary key, value ${type})`);
  const seeder = rowSeeder({ name: table, table, key: 'id', rows: [{ id: 1, value }] });
  const first = await bootstrapDatabase(pool, { seeders: [seeder] });
  const second = await bootstrapDatabase(pool, { seeders: [seeder] });
  expect([first.seeders[1]?.inserted, second.changed]).toEqual([1, false]);
  const { rows } = await pool.query(
    `set time zone 'utc'; select value::text from ${table}`.split(';')[1] ?? '',
  );
  return rows[0].value;
}

describe('a value of a row takes the type of its column', () => {
  test.for([
    ['int', 42, '42'],

    ['bigint', '9223372036854775807', '9223372036854775807'],
    ['numeric(20, 4)', '12345678901234.5678', '12345678901234.5678'],
    ['numeric', 0.1, '0.1'],
    ['double precision', 1e300, '1e+300'],
    ['double precision', Number.NaN, 'NaN'],
    ['double precision', Number.NEGATIVE_INFINITY, '-Infinity'],
    ['boolean', true, 'true'],
    ['boolean', false, 'false'],
    ['text', '', ''],
    ['text', 'a "quoted" \\ value,\n{x}', 'a "quoted" \\ value,\n{x}'],
    ['text', '✓ 😀', '✓ 😀'],
    ['text', null, null],
    ['varchar(10)', 'abc', 'abc'],
    ['uuid', '018f4e9c-0000-7000-8000-000000000000', '018f4e9c-0000-7000-8000-000000000000'],
    ['date', '2026-02-28', '2026-02-28'],
    ['interval', '1 day 02:00:00', '1 day 02:00:00'],
    ['interval hour', '5', '05:00:00'],
    ['inet', '10.0.0.1', '10.0.0.1/32'],
    ['text[]', ['a', 'b,c', '"d"', '', null], '{a,"b,c","\\"d\\"","",NULL}'],
    ['text[]', [], '{}'],
    ['int[]', [1, 2, 3], '{1,2,3}'],
    [
      'int[][]',
      [
        [1, 2],
        [3, 4],
      ],
      '{{1,2},{3,4}}',
    ],
    ['boolean[]', [true, false], '{t,f}'],
    ['jsonb', { a: [1, { b: null }] }, '{"a": [1, {"b": null}]}'],
    ['jsonb', ['x', 1], '["x", 1]'],
    ['jsonb', { boxed: Object(1) }, '{"boxed": 1}'],
    ['jsonb', 'text', '"text"'],
    ['jsonb', 5, '5'],
    ['json', { kept: 'as is' }, '{"kept":"as is"}'],
    ['jsonb[]', [{ a: 1 }, { b: 2 }], '{"{\\"a\\": 1}","{\\"b\\": 2}"}'],
    ['bytea', Buffer.from([0, 1, 254, 255]), '\\x0001feff'],
    ['bytea', new Uint8Array([222, 173]), '\\xdead'],
    ['bytea[]', [Buffer.from([1]), Buffer.from([2])], '{"\\\\x01","\\\\x02"}'],
    ['double precision[]', [1.5, Number.NaN], '{1.5,NaN}'],
    ['int4range', '[1,5)', '[1,5)'],
    ['numeric(6, 2)', 1.005, '1.01'],
    ['varchar(4)', 'ab', 'ab'],
    ['char(4)', 'ab', 'ab'],
    ['text', 'NULL', 'NULL'],
    ['text', { a: [1] }, '{"a":[1]}'],
    ['text', [1, 'b'], '[1,"b"]'],
    ['text', 'null', 'null'],
    ['jsonb', 'null', '"null"'],
    ['jsonb', null, null],
    ['box', '(1,1),(0,0)', '(1,1),(0,0)'],
    ['point', '(1,2)', '(1,2)'],
    ['"char"', 'x', 'x'],
    ['name', 'n', 'n'],
  ] as const)('%s from %j', async ([type, value, text], { task }) => {
    await expect(store(type, value, `t_${task.id.replace(/\W/g, '_')}`)).resolves.toBe(text);
  });

  // A bigint can't be handed to the worker that runs a table of tests.
  test('bigint from a bigint, exactly', async () => {
    await expect(store('bigint', 9007199254740993n, 'large')).resolves.toBe('9007199254740993');
    await expect(store('bigint[]', [1n, -9007199254740993n], 'larges')).resolves.toBe(
      '{1,-9007199254740993}',
    );
  });

  test('timestamptz from a Date, to the millisecond', async () => {
    await store('timestamptz', new Date('2026-03-01T12:34:56.789Z'), 'moments');
    const { rows } = await database.pool().query('select value from moments');
    expect(rows[0].value.toISOString()).toBe('2026-03-01T12:34:56.789Z');
  });

  test.each([
    ['date', '2026-02-28'],
    ['timestamp', '2026-02-28 15:00:00'],
  ])('%s from a Date, as it is in UTC, wherever the process runs', async (type, stored) => {
    vi.stubEnv('TZ', 'Asia/Tokyo');
    await expect(store(type, new Date(2026, 2, 1), `utc_${type}`)).resolves.toBe(stored);
  });

  test('box, which arrays separate by a semicolon', async () => {
    const pool = database.pool();
    await pool.query('create table areas (id int primary key, area box)');
    const rows = [
      { id: 1, area: '(1,1),(0,0)' },
      { id: 2, area: '(3,3),(2,2)' },
    ];
    await bootstrapDatabase(pool, {
      seeders: [rowSeeder({ name: 'areas', table: 'areas', key: 'id', rows })],
    });
    expect((await pool.query('select * from areas order by id')).rows).toEqual(rows);
  });

  test('an enum and a domain of the application', async () => {
    await database
      .pool()
      .query(`create type mood as enum ('good', 'bad'); create domain percent as int check (value <= 100)`);
    await expect(store('mood', 'bad', 'moods')).resolves.toBe('bad');
    await expect(store('mood[]', ['good', 'bad'], 'mood_lists')).resolves.toBe('{good,bad}');
    await expect(store('percent', 100, 'percents')).resolves.toBe('100');
    await expect(store('percent', 101, 'refused')).rejects.toMatchObject({ code: 'SEEDER_FAILED' });
  });
});

test('a column that is left out gets its default, also if its domain does not allow null', async () => {
  const pool = database.pool();
  await pool.query(`
    create domain label as text not null;
    create table labelled (id int primary key, label label default 'none', tags text[]);
  `);
  const seeders = [
    rowSeeder({ name: 'labelled', table: 'labelled', key: 'id', rows: [{ id: 1, tags: ['a'] }] }),
  ];
  await bootstrapDatabase(pool, { seeders });
  await expect(bootstrapDatabase(pool, { seeders })).resolves.toMatchObject({ changed: false });
  const { rows } = await pool.query('select * from labelled');
  expect(rows).toEqual([{ id: 1, label: 'none', tags: ['a'] }]);
});

test('a start with nothing to do stays one, also if a domain outside of the key allows no null', async () => {
  const pool = database.pool();
  await pool.query(`
    create domain code as text not null;
    create table coded (id int primary key, code code, stored int);
  `);
  const rows = [1, 2].map((id) => ({ id, code: `c${id}` }));
  const coded = (some: typeof rows) => [rowSeeder({ name: 'coded', table: 'coded', key: 'id', rows: some })];
  await bootstrapDatabase(pool, { seeders: coded(rows) });

  await using wire = await openWire(database.url);
  const watched = database.pool({ connectionString: wire.url });
  await expect(bootstrapDatabase(watched, { seeders: coded(rows) })).resolves.toMatchObject({
    changed: false,
  });
  expect(wire.roundTrips).toBe(1);

  const report = await bootstrapDatabase(pool, { seeders: coded([...rows, { id: 3, code: 'c3' }]) });
  expect(report.seeders[1]).toMatchObject({ inserted: 1, existing: 2 });
});

test('a role that may read no more of a table than its key starts, if nothing is missing', async () => {
  const pool = database.pool();
  await pool.query('create table secrets (id int primary key, secret text)');
  const seeders = [
    rowSeeder({ name: 'secrets', table: 'secrets', key: 'id', rows: [{ id: 1, secret: 'x' }] }),
  ];
  await bootstrapDatabase(pool, { seeders });
  const reader = await database.createRole();
  await pool.query(`
    grant select on casbin, casbin_bootstrap_migration to ${reader.name};
    grant select (id) on secrets to ${reader.name};
  `);

  const as = database.pool({ connectionString: reader.url });
  await expect(bootstrapDatabase(as, { seeders })).resolves.toMatchObject({ changed: false });
  const more: Seeder = {
    name: 'more',
    migrations: { '1_more': { up: async () => {} } },
    isSeeded: async () => true,
    seed: async () => ({ inserted: 0, existing: 0 }),
  };
  await expect(
    bootstrapDatabase(as, { seeders: [...seeders, more] }),
    'a migration is missing',
  ).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
});

describe('rows are distinguished by a key', () => {
  test.for([
    ['boolean', [true, false]],

    ['numeric', ['1.50', 2]],
    ['timestamptz', [new Date(0), new Date('2026-03-01T12:34:56.789Z')]],
    ['date', ['2026-01-01', '2026-01-02']],
    ['uuid', ['018F4E9C-0000-7000-8000-000000000000', '018f4e9c-0000-7000-8000-000000000001']],
    ['text', ['a', 'A']],
    ['bytea', [Buffer.from([1]), Buffer.from([2])]],
    ['int[]', [[1], [1, 2]]],
    ['jsonb', [{ a: 1 }, { a: 2 }]],
  ] as const)('of type %s', async ([type, keys], { task }) => {
    const table = `k_${task.id.replace(/\W/g, '_')}`;
    const pool = database.pool();
    await pool.query(`create table ${table} (key ${type} primary key, n serial)`);
    const rows = keys.map((key) => ({ key }));
    const seeder = (given: readonly object[]) =>
      rowSeeder({ name: table, table, key: 'key', rows: given as Record<string, unknown>[] });

    await bootstrapDatabase(pool, { seeders: [seeder(rows.slice(0, 1))] });
    const report = await bootstrapDatabase(pool, { seeders: [seeder(rows)] });

    expect(report.seeders[1]).toMatchObject({ inserted: 1, existing: 1 });
    const { rows: stored } = await pool.query(`select n from ${table} order by n`);
    expect(stored).toEqual([{ n: 1 }, { n: 2 }]);
  });
});
