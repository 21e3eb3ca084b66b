import { expect, test } from 'vitest';
import { bootstrapDatabase, rowSeeder } from '../../src/index.ts';
import { captureLog, linesOf } from '../bootstrap/log.fixture.ts';
import { simulate } from './engines.fixture.ts';

const RULES = Array.from({ length: 6_000 }, (_, index) => ['p', `role ${index}`, 'data', 'read']);
const ROWS = Array.from({ length: 4_000 }, (_, code) => ({ code }));
const MIGRATIONS = {
  '2026_codes': {
    async up(db: import('kysely').Kysely<unknown>) {
      await db.schema
        .createTable('codes')
        .ifNotExists()
        .addColumn('code', 'integer', (column) => column.primaryKey())
        .execute();
    },
  },
};
const CODES = rowSeeder({ name: 'codes', table: 'codes', key: 'code', rows: ROWS });
const GIVEN = { policy: { rules: RULES } as never, seeders: [CODES], migrations: MIGRATIONS };

test('a definition that is too large for one transaction is committed in portions', async () => {
  await using simulation = await simulate('aurora-dsql');
  const { pool, options, database, engine } = simulation;

  const report = await bootstrapDatabase(pool, { ...options, ...GIVEN, schema: 'auth' });

  expect(report.seeders).toMatchObject([
    { name: 'rbac', inserted: 6_000, existing: 0, total: 6_000 },
    { name: 'codes', inserted: 4_000, existing: 0, total: 4_000 },
  ]);
  expect(engine.refusals).toEqual([]);
  const { rows } = await database.pool().query(`
    select (select count(*)::int from auth.casbin_rule) as rules, (select count(*)::int from auth.codes) as codes,
      (select array_agg(v0 order by id) = array_agg(v0 order by substr(v0, 6)::int) from auth.casbin_rule) as ordered
  `);
  expect(rows).toEqual([{ rules: 6_000, codes: 4_000, ordered: true }]);
});

test('the rows beside a definition with a version are too, as each of its rules has a record', async () => {
  await using simulation = await simulate('aurora-dsql');
  const { pool, options, engine } = simulation;
  const policy = { version: 1, rules: RULES.slice(0, 1_100) } as never;
  const codes = rowSeeder({ name: 'codes', table: 'codes', key: 'code', rows: ROWS.slice(0, 1_200) });

  const report = await bootstrapDatabase(pool, { ...options, ...GIVEN, policy, seeders: [codes] });

  expect(report.seeders).toMatchObject([
    { inserted: 1_100 },
    { name: 'codes', inserted: 1_200, existing: 0 },
  ]);
  expect(engine.refusals).toEqual([]);
});

test('one that ended between two portions is taken up where it ended', async () => {
  await using simulation = await simulate('aurora-dsql');
  const { pool, options, database } = simulation;
  await bootstrapDatabase(pool, { ...options, ...GIVEN });
  await database.pool().query(`delete from casbin_rule where id > 2500; delete from codes`);

  const report = await bootstrapDatabase(pool, { ...options, ...GIVEN });

  expect(report.seeders).toMatchObject([
    { name: 'rbac', inserted: 3_500, existing: 2_500 },
    { name: 'codes', inserted: 4_000, existing: 0 },
  ]);
});

test('a lock row that was taken between two portions ends the attempt', async () => {
  await using simulation = await simulate('aurora-dsql');
  const { pool, options, database } = simulation;
  await bootstrapDatabase(pool, { ...options, ...GIVEN, seeders: [] });
  // Somebody else has the row from the commit of the first portion on, once. Each attempt is a holder of its own.
  await database.pool().query(`
    create table portions (holder text, inserted int);
    create function take() returns trigger language plpgsql as $$
    begin
      insert into portions
      select holder, (select count(*) from inserted) from casbin_bootstrap_lock where name = 'bootstrap';
      if (select count(*) from portions) = 1 then
        update casbin_bootstrap_lock set holder = 'me', expires = now() where name = 'bootstrap';
      end if;
      return null;
    end $$;
    create trigger take after insert on codes
    referencing new table as inserted for each statement execute function take();
  `);
  const { logger, lines } = captureLog();

  const report = await bootstrapDatabase(pool, { ...options, ...GIVEN, logger });

  const { rows } = await database
    .pool()
    .query('select * from portions where inserted > 0 order by inserted desc');
  expect(rows.map(({ inserted }) => inserted)).toEqual([2_500, 1_500]);
  // The second portion was written by the second attempt, which had taken the row again.
  expect(rows[1].holder).toMatch(/^process /);
  expect(rows[1].holder).not.toBe(rows[0].holder);
  expect(linesOf(lines, 'conflict_retried')).toMatchObject([{ code: '40001' }]);
  expect(report.verification.ok).toBe(true);
});

test('the error of a failed portion names its seeder, and earlier portions stay', async () => {
  await using simulation = await simulate('aurora-dsql');
  const { pool, options, database } = simulation;
  const rows = [...ROWS.slice(0, -1), { code: 'many' }];
  const wrong = rowSeeder({ name: 'codes', table: 'codes', key: 'code', rows });

  await expect(bootstrapDatabase(pool, { ...options, ...GIVEN, seeders: [wrong] })).rejects.toMatchObject({
    code: 'SEEDER_FAILED',
    message: expect.stringMatching(/^Seeder "codes" failed: table "public\.codes" refused a row: .*"many"/),
  });
  const { rows: stored } = await database.pool().query('select count(*)::int as codes from codes');
  expect(stored).toEqual([{ codes: 2_500 }]);
});

test('indexes that are made in the background are waited for', async () => {
  await using simulation = await simulate('aurora-dsql');
  const { pool, options, database } = simulation;

  await bootstrapDatabase(pool, options);

  const { rows } = await database.pool().query('select count(*)::int as waited from sys.waited');
  expect(rows).toEqual([{ waited: 3 }]);
});

test('one that fails in the background ends the bootstrap', async () => {
  await using simulation = await simulate('aurora-dsql');
  const { pool, options, database } = simulation;
  await database
    .pool()
    .query(
      `create or replace function sys.wait_for_job(job text) returns boolean language sql as 'select false'`,
    );
  await expect(bootstrapDatabase(pool, options)).rejects.toMatchObject({
    code: 'MIGRATION_FAILED',
    message: expect.stringContaining('the job job-1 that makes an index failed'),
  });
});
