import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ClientLike } from '../../src/database/client.ts';
import { createEmbeddedPool } from '../../src/embedded/index.ts';
import { useDatabase } from '../support/database.ts';
import { STARTS_PGLITE } from './timeout.ts';

const database = useDatabase();
const embeddedPool = createEmbeddedPool();
let embedded: ClientLike;
let server: ClientLike;

beforeAll(async () => {
  embedded = await embeddedPool.connect();
}, STARTS_PGLITE.timeout);
afterAll(async () => {
  embedded.release?.();
  await embeddedPool.end();
});

/** What both answer to the same statements, the last one's result or error. */
async function askBoth(...statements: [sql: string, values?: unknown[]][]) {
  server = await database.pool().connect();
  try {
    return { ours: await ask(embedded, statements), theirs: await ask(server, statements) };
  } finally {
    server.release?.();
  }
}

async function ask(client: ClientLike, statements: [sql: string, values?: unknown[]][]) {
  await client.query("set timezone = 'UTC'");
  await client.query('begin');
  try {
    let answer: unknown;
    for (const [sql, values] of statements) answer = shape(await client.query(sql, values));
    return answer;
  } catch (error) {
    return { failed: describeFailure(error) };
  } finally {
    await client.query('rollback');
  }
}

function shape(result: unknown): unknown {
  if (Array.isArray(result)) return result.map(shape);
  const { rows, rowCount, command, fields } = Object(result);
  const names = fields.map((field: { name: string; dataTypeID: number }) => [field.name, field.dataTypeID]);
  return { rows, rowCount, command, names };
}

function describeFailure(error: unknown) {
  const { name, message, severity, code, detail, hint, position, schema, table, column, constraint } =
    Object(error);
  return { name, message, severity, code, detail, hint, position, schema, table, column, constraint };
}

describe('values read from the embedded database are those that node-postgres reads from a server', () => {
  test.each([
    "'9007199254740993'::int8",
    '7::int2',
    '7::int4',
    '7::oid',
    '1.50::numeric',
    "'NaN'::numeric",
    '0.1::float4',
    '0.1::float8',
    "'-Infinity'::float8",
    'true',
    "'x'::text",
    "'x'::varchar(3)",
    "'x'::char(3)",
    "'x'::name",
    "'{}'::text[]",
    `array['a', null, 'b,c', 'd"e', 'f\\g', '']`,
    'array[[1, 2], [3, 4]]',
    'array[1, 2]::int8[]',
    'array[true, false]',
    'array[\'{"a": 1}\']::jsonb[]',
    "array['2026-01-02T03:04:05Z']::timestamptz[]",
    `'{"a": [1, {"b": null}]}'::json`,
    `'{"a": [1, {"b": null}]}'::jsonb`,
    `'"text"'::jsonb`,
    "'null'::jsonb",
    "'2026-01-02'::date",
    "'2026-01-02 03:04:05.678901'::timestamp",
    "'2026-01-02 03:04:05.678901+02'::timestamptz",
    "'infinity'::timestamptz",
    "'0044-03-15 BC'::date",
    "'03:04:05'::time",
    "'1 year 2 days 03:04:05.6'::interval",
    "'\\x00ff'::bytea",
    "'6dd8b6e4-6f0f-7a3b-8f0f-8f0f8f0f8f0f'::uuid",
    "'(1,2)'::point",
    "'127.0.0.1/8'::inet",
    "'[1,3)'::int4range",
    'null::int8',
    'row(1, null)',
  ])('%s', async (expression) => {
    const { ours, theirs } = await askBoth([`select ${expression} as value`]);
    expect(ours).toEqual(theirs);
    expect(ours).toHaveProperty('rowCount', 1);
  });
});

describe('values sent to the embedded database arrive as node-postgres sends them to a server', () => {
  test.each<[type: string, value: unknown]>([
    ['text', 'ä€😀'],
    ['text', ''],
    ['text', null],
    ['text', undefined],
    ['text', 12.5],
    ['text', true],
    ['int8', 9007199254740993n],
    ['timestamptz', new Date('2026-01-02T03:04:05.678Z')],
    ['timestamp', new Date('2026-01-02T03:04:05.678Z')],
    ['date', new Date('2026-01-02T03:04:05.678Z')],
    ['jsonb', { a: [1, { b: null }], 'c"d': 'e\\f' }],
    ['jsonb', JSON.stringify(['a'])],
    ['text[]', ['a', null, 'b,c', 'd"e', 'f\\g', '', '{}']],
    [
      'int[]',
      [
        [1, 2],
        [3, 4],
      ],
    ],
    ['jsonb[]', [{ a: 1 }, { b: [2] }]],
    ['timestamptz[]', [new Date('2026-01-02T03:04:05.678Z')]],
    ['bytea', Buffer.from([0, 255, 92])],
    ['int', 'not a number'],
    ['jsonb', ['an array is an array to PostgreSQL, not JSON']],
    ['text', 'no\0 NUL'],
  ])('%s, for example %o', async (type, value) => {
    const { ours, theirs } = await askBoth([`select $1::${type} as value, pg_typeof($1::${type})`, [value]]);
    expect(ours).toEqual(theirs);
  });

  test('a hundred thousand values in an array', async () => {
    const values = Array.from({ length: 100_000 }, (_, index) => `value ${index}`);
    const { ours, theirs } = await askBoth([
      'select count(*), min(v), max(v) from unnest($1::text[]) as v',
      [values],
    ]);
    expect(ours).toEqual(theirs);
  });
});

describe('results have the command and the row count of node-postgres', () => {
  test.each([
    'create table t (n int)',
    'insert into s values (3), (4)',
    'insert into s values (1) on conflict do nothing',
    'insert into s values (5) returning n',
    'update s set n = n + 10',
    'delete from s where false',
    'select n from s',
    'select from s',
    'truncate s',
    'drop table s',
    'alter table s add column m int',
    'comment on table s is null',
    'do $$ begin end $$',
    'set local lock_timeout = 0',
    'show server_encoding',
    'savepoint p',
    'lock table s',
    'with gone as (delete from s returning n) select n from gone',
    "select set_config('casbin.x', 'y', true)",
    'explain (costs off) select n from s',
    '',
    '-- nothing',
  ])('%s', async (sql) => {
    const { ours, theirs } = await askBoth(
      ['create table s (n int primary key); insert into s values (1), (2)'],
      [sql],
    );
    expect(ours).toEqual(theirs);
  });

  test('an array of them for several statements', async () => {
    const { ours, theirs } = await askBoth([
      'create table t (n int); insert into t values (1); select n from t',
    ]);
    expect(ours).toEqual(theirs);
    expect(ours).toHaveLength(3);
  });
});

describe('errors have the SQLSTATE and the fields of node-postgres', () => {
  test.each<[sql: string, values?: unknown[]]>([
    ['selec 1'],
    ['select nothing from s'],
    ['select from nowhere'],
    ['create table s ()'],
    ['insert into s values (1)'],
    ['insert into s values ($1)', [1]],
    ['insert into s values (null)'],
    ['select $1::int', ['x']],
    ['select 1 / 0'],
    ['select $1', []],
    ['create index concurrently i on s (n)'],
    ["do $$ begin raise exception 'mine' using errcode = 'P0042', detail = 'd', hint = 'h'; end $$"],
  ])('%s', async (...statement) => {
    const { ours, theirs } = await askBoth(
      ['create table s (n int primary key); insert into s values (1)'],
      statement,
    );
    expect(ours).toEqual(theirs);
    expect(ours).toHaveProperty('failed.code');
  });

  test('also in the transaction that an error aborted', async () => {
    await embedded.query('begin');
    await expect(embedded.query('select 1 / 0')).rejects.toMatchObject({ code: '22012' });
    await expect(embedded.query('select 1')).rejects.toMatchObject({ code: '25P02' });
    await expect(embedded.query('select $1::int', [1])).rejects.toMatchObject({ code: '25P02' });
    await expect(embedded.query('commit')).resolves.toMatchObject({ command: 'ROLLBACK' });
  });
});
