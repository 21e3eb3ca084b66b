import { sql } from 'kysely';
import { describe, expect, test } from 'vitest';
import { providerSeeder } from '../../src/defaults/provider-seeder.ts';
import { rowSeeder } from '../../src/seeding/row-seeder.ts';
import { problemsOf } from './refusal.fixture.ts';

/** A row seeder with options of any shape, as a caller in JavaScript would give them. */
function seederOf(options: object) {
  return Reflect.apply(rowSeeder, undefined, [
    { name: 'settings', table: 'settings', key: 'id', rows: [{ id: 1 }], ...options },
  ]);
}

async function problemsOfSeeder(options: object) {
  const problems = await problemsOf({ seeders: [seederOf(options)] });
  return problems.map(({ code, at, message }) => ({
    code,
    at: at.replace('seeders[0] "settings" ', ''),
    message,
  }));
}

const seed = async () => ({ inserted: 0, existing: 0 });

describe('names of seeders', () => {
  test.each([
    [['a', 'a'], [1]],
    [
      ['a', 'b', 'a', 'a'],
      [2, 3],
    ],
    [['rbac'], [0]],
    [
      ['b', 'rbac', 'b'],
      [1, 2],
    ],
  ])('that are there twice are refused: %j', async (names, places) => {
    const problems = await problemsOf({ seeders: names.map((name) => ({ name, seed })) });
    expect(problems.map(({ code, at }) => [code, at])).toEqual(
      places.map((place) => ['SEEDER_DUPLICATE', `seeders[${place}] "${names[place]}"`]),
    );
    for (const { message } of problems) {
      expect(message).toMatch(
        /^another seeder has that name(: the one of the policy)?\. Give each its own\.$/,
      );
    }
  });

  test('are refused when the provider seeder is given twice', async () => {
    expect(await problemsOf({ seeders: [providerSeeder(), providerSeeder([])] })).toMatchObject([
      { code: 'SEEDER_DUPLICATE', at: 'seeders[1] "providers"' },
    ]);
  });

  test('are shown with what can not be seen in them', async () => {
    const [problem] = await problemsOf({
      seeders: [
        { name: 'a\n\0', seed },
        { name: 'a\n\0', seed },
      ],
    });
    expect(problem?.at).toBe('seeders[1] "a\\n\\u0000"');
  });
});

describe('migrations of seeders', () => {
  const up = async () => {};

  test("that have one name are refused, also if it is that of the policy's seeder", async () => {
    const problems = await problemsOf({
      seeders: [
        { name: 'a', seed, migrations: { '0001_a': { up } } },
        { name: 'b', seed, migrations: { '0001_a': { up }, '0001_casbin': { up } } },
      ],
    });
    expect(problems.map(({ code, at, message }) => [code, at, message])).toEqual([
      [
        'MIGRATION_DUPLICATE',
        'seeders[1] "b"',
        `its migration "0001_a" has the same name as another one. Begin its name with the name of the seeder.`,
      ],
      [
        'MIGRATION_DUPLICATE',
        'seeders[1] "b"',
        `its migration "0001_casbin" has the same name as another one. Begin its name with the name of the seeder.`,
      ],
    ]);
  });

  test('are refused that have the name of one for the journal, or for the record of a version', async () => {
    const migrations = { '0003_journal_casbin': { up }, '0004_ownership': { up } };
    const policy = { version: 1, rules: [['p', 'clerk', 'invoices', 'read']] };
    const problems = await problemsOf({
      policy,
      journal: true,
      seeders: [{ name: 'own', seed, migrations }],
    });
    expect(problems).toMatchObject([
      { code: 'MIGRATION_DUPLICATE', message: expect.stringContaining('"0003_journal_casbin"') },
      { code: 'MIGRATION_DUPLICATE', message: expect.stringContaining('"0004_ownership"') },
    ]);
  });
});

describe('rows', () => {
  test.each([
    [[{}], 'id'],
    [[{ id: null }], 'id'],
    [[{ id: undefined, name: 'x' }], 'id'],
    [[{ ID: 1 }], 'id'],
    [[{ id: 1 }], ['id', 'name']],
  ])('without their key are refused: %j', async (rows, key) => {
    const problems = await problemsOfSeeder({ rows: [{ id: 7, name: 'sound' }, ...rows], key });
    expect(problems).toMatchObject([{ code: 'ROW_KEY_MISSING', at: 'rows[1]' }]);
    expect(problems[0]?.message).toMatch(
      /^it has no value for "(id|name)", which identifies it\. Add one\.$/,
    );
  });

  test.each<[object[], string | string[], number]>([
    [[{ id: 1 }, { id: 1 }], 'id', 0],
    [[{ id: 1 }, { id: '1' }], 'id', 0],
    [[{ id: 1 }, { id: 2 }, { id: 2, x: 1 }], 'id', 1],
    [
      [
        { id: 1, x: 'a' },
        { id: 1, x: 'b' },
        { x: 'b', id: 1 },
      ],
      ['id', 'x'],
      1,
    ],
    [[{ id: new Date(5) }, { id: new Date(5) }], 'id', 0],
    [[{ id: new Date(5) }, { id: '1970-01-01T00:00:00.005Z' }], 'id', 0],
    [[{ id: 10n }, { id: 10 }], 'id', 0],
  ])('with the same key are refused, with the place of the other: %o', async (rows, key, first) => {
    expect(await problemsOfSeeder({ rows, key })).toMatchObject([
      {
        code: 'ROW_DUPLICATE',
        at: `rows[${rows.length - 1}]`,
        message: expect.stringMatching(new RegExp(`as rows\\[${first}\\]\\. Remove one of them\\.$`)),
      },
    ]);
  });

  const circle: Record<string, unknown> = {};
  circle.itself = circle;

  test.each<[string, unknown, RegExp]>([
    ['NUL', 'a\0b', /NUL character/],
    ['half of a surrogate pair', '\udfff', /surrogate pair/],
    ['NUL below', { list: ['a\0b'] }, /NUL character/],
    ['half of a surrogate pair as a key', { '\ud800': 1 }, /surrogate pair/],
    ['a function', () => 1, /a function can't be stored/],
    ['a symbol', Symbol('x'), /a symbol can't be stored/],
    ['a circle', circle, /can't be written as JSON: Converting circular structure to JSON/],
    ['a big number below', { list: [1n] }, /can't be written as JSON/],
    ['no date', new Date('no'), /invalid Date/],
    ['a Map', new Map([['a', 1]]), /it holds a Map, of which JSON writes nothing\. Give plain values\./],
    ['a Set below', { list: [new Set([1])] }, /holds a Set/],
    ['a regular expression', /a/, /holds a RegExp/],
    ['a promise', { later: Promise.resolve(1) }, /it holds a Promise\. Await it\./],
    ['an expression', sql`now()`, /SQL expression/],
  ])('with a value that can not be stored are refused: %s', async (_, value, message) => {
    expect(await problemsOfSeeder({ rows: [{ id: 1, value }, { id: value }] })).toMatchObject([
      { code: 'ROW_INVALID', at: 'rows[0].value', message: expect.stringMatching(message) },
      { code: 'ROW_INVALID', at: 'rows[1].id', message: expect.stringMatching(message) },
    ]);
  });

  test.each<[string, unknown, string]>([
    ['nothing', undefined, 'rows'],
    ['one row', { id: 1 }, 'rows'],
    ['words', 'rows', 'rows'],
    ['a hole', Array(1), 'rows[0]'],
    ['null', [null], 'rows[0]'],
    ['lists', [[1, 2]], 'rows[0]'],
  ])('that are not rows are refused: %s', async (_, rows, at) => {
    expect(await problemsOfSeeder({ rows })).toMatchObject([{ code: 'ROW_INVALID', at }]);
  });

  test.each<unknown>([undefined, null, '', [], [''], 5, ['id', null]])(
    'without a key are refused: %j',
    async (key) => {
      expect(await problemsOfSeeder({ key })).toMatchObject([{ code: 'ROW_INVALID', at: 'key' }]);
    },
  );

  test.each<unknown>([undefined, null, '', 5])('without a table are refused: %j', async (table) => {
    const problems = await problemsOfSeeder({ table });
    expect(problems.map(({ at }) => at.replace('seeders[0].', ''))).toContain('table');
  });

  test('of a seeder with an unknown option are refused', async () => {
    expect(await problemsOfSeeder({ row: [], keys: 'id' })).toMatchObject([
      {
        code: 'OPTION_UNKNOWN',
        at: 'row',
        message: expect.stringContaining('Known are name, table, key, rows'),
      },
      { code: 'OPTION_UNKNOWN', at: 'keys' },
    ]);
  });

  test('are refused all at once, of all seeders', async () => {
    const problems = await problemsOf({
      seeders: [
        seederOf({ rows: [{ x: 1 }, { id: '\0' }, { id: 1 }, { id: 1 }] }),
        seederOf({ name: 'other', rows: [{}] }),
        Reflect.apply(providerSeeder, undefined, [[{ name: 'no slug' }]]),
      ],
    });
    expect(problems.map(({ code, at }) => `${at} ${code}`)).toEqual([
      'seeders[0] "settings" rows[0] ROW_KEY_MISSING',
      'seeders[0] "settings" rows[1].id ROW_INVALID',
      'seeders[0] "settings" rows[3] ROW_DUPLICATE',
      'seeders[1] "other" rows[0] ROW_KEY_MISSING',
      'seeders[2] "providers" rows[0] ROW_KEY_MISSING',
    ]);
  });

  test.each<unknown>([null, 'providers', {}, [null]])(
    'of the provider seeder that are not rows are refused: %j',
    async (rows) => {
      const problems = await problemsOf({ seeders: [Reflect.apply(providerSeeder, undefined, [rows])] });
      expect(problems).toMatchObject([
        { code: 'ROW_INVALID', at: expect.stringContaining('seeders[0] "providers" rows') },
      ]);
    },
  );
});

test('a check that throws is a problem of its seeder', async () => {
  const check = () => {
    throw new Error('not now');
  };
  expect(await problemsOf({ seeders: [{ name: 'a', seed, check }] })).toEqual([
    { code: 'OPTION_INVALID', at: 'seeders[0] "a" check', message: 'it threw: not now. Fix it.' },
  ]);
});
