import { sql } from 'kysely';
import type pg from 'pg';
import { describe, expect, onTestFinished, test } from 'vitest';
import { bootstrapDatabase } from '../../src/bootstrap.ts';
import type { Seeder } from '../../src/seeding/seeder.ts';
import { verifyDatabase } from '../../src/verify-database.ts';
import { createBootstrapped } from '../bootstrap/bootstrapped.fixture.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { type AnyOptions, failureOf, refusalOf } from './refusal.fixture.ts';

const SHORT = { lockTimeoutMs: 100 };
const MORE = { ...SHORT, policy: { rules: [['p', 'one', 'more', 'rule']] } };
const KYSELY_LOCK = '3853314791062309107';

/** A session named `holder` with an open transaction that has run the statement; returns its pid. */
async function hold(database: TestDatabase, statement: string): Promise<number> {
  const pool = database.pool({ application_name: 'holder' });
  const client = await pool.connect();
  onTestFinished(async () => {
    await client.query('rollback; select pg_advisory_unlock_all()');
    client.release();
  });
  await client.query(`begin; ${statement}`);
  const { rows } = await client.query('select pg_backend_pid() as pid');
  return rows[0].pid;
}

async function expectHeldBy(pid: number, refusal: Promise<Error>, limitMs = 100): Promise<Error> {
  const error = await refusal;
  expect(error).toMatchObject({ name: 'LockTimeoutError', code: 'LOCK_TIMEOUT' });
  expect(error).toMatchObject({ holders: [{ pid, applicationName: 'holder', since: expect.any(Date) }] });
  expect(error.message).toMatch(
    new RegExp(
      `within ${limitMs} ms\\. Nothing was changed\\. It is held by pid ${pid} \\(holder, in a transaction since 20[-0-9:.TZ]+\\)\\. `,
    ),
  );
  expect(error.cause).toBeInstanceOf(Error);
  return error;
}

async function bootstrapped(): Promise<TestDatabase> {
  const database = await createBootstrapped();
  return database;
}

describe('a lock that is not granted in time names its holder', () => {
  test('when it is that of another bootstrap', async () => {
    const database = await createDatabase();
    const pid = await hold(database, `select pg_advisory_xact_lock(${0x6373626e}, hashtext('public'))`);
    const error = await expectHeldBy(pid, refusalOf(database, SHORT));
    expect(error.message).toMatch(/^The lock of another bootstrap was not granted/);
  });

  test('when it is that of another bootstrap of a schema', async () => {
    const database = await createDatabase();
    await database.pool().query('create schema mine');
    const pid = await hold(database, `select pg_advisory_xact_lock(${0x6373626e}, hashtext('mine'))`);
    await expectHeldBy(pid, refusalOf(database, { ...SHORT, schema: 'mine' }));
    await expectHeldBy(pid, refusalOf(database, SHORT, database.pool({ options: '-c search_path=mine' })));
    await expect(bootstrapDatabase(database.pool(), SHORT), 'another schema').resolves.toBeDefined();
  });

  test('when it is that of a bootstrap of the schema that holds a rule table of another adapter', async () => {
    const database = await createDatabase();
    await database.pool().query('create schema mine');
    await bootstrapDatabase(database.pool(), { table: 'casbin_rule', schema: 'mine', seeders: [] });
    const pid = await hold(database, `select pg_advisory_xact_lock(${0x6373626e}, hashtext('mine'))`);
    const pool = database.pool({ options: '-c search_path=public,mine' });
    await expectHeldBy(pid, refusalOf(database, { ...MORE, seeders: [] }, pool));
  });

  test('when it is that of a Kysely Migrator, of a session or of a transaction', async () => {
    for (const acquire of ['pg_advisory_lock', 'pg_advisory_xact_lock']) {
      const database = await createDatabase();
      const pid = await hold(database, `select ${acquire}(${KYSELY_LOCK})`);
      const error = await expectHeldBy(pid, refusalOf(database, SHORT));
      expect(error.message).toMatch(/^The lock of Kysely's Migrator was not granted/);
    }
  });

  test.each(['casbin', 'casbin_bootstrap_migration', 'providers'])(
    'when somebody alters %s during the look',
    async (table) => {
      const database = await bootstrapped();
      const pid = await hold(database, `lock table ${table} in access exclusive mode`);
      await expectHeldBy(pid, refusalWithoutDump(database, SHORT));
    },
  );

  test('and is waited for once only', async () => {
    const database = await bootstrapped();
    const pid = await hold(database, 'lock table casbin in access exclusive mode');
    const pool = database.pool();
    let waits = 0;
    pool.on('connect', (client) => {
      const query = client.query.bind(client) as (...given: unknown[]) => Promise<unknown>;
      const counting = (...given: unknown[]) =>
        query(...given).catch((error: { code?: string }) => {
          if (error.code === '55P03') waits += 1;
          throw error;
        });
      Object.assign(client, { query: counting });
    });
    await expectHeldBy(
      pid,
      failureOf(() => bootstrapDatabase(pool, SHORT)),
    );
    expect(waits).toBe(1);
  });

  test('when another session alters casbin during a verification', async () => {
    const database = await bootstrapped();
    const pid = await hold(database, 'alter table casbin add column note text');
    await expectHeldBy(
      pid,
      failureOf(() => verifyDatabase(database.pool(), SHORT)),
    );
  });

  test('when another session creates an index during the write', async () => {
    const database = await bootstrapped();
    const pid = await hold(database, 'create index on casbin (rule)');
    const error = await expectHeldBy(pid, refusalOf(database, MORE));
    expect(error.message).toContain('A lock on a table or a row was not granted for seeder "rbac"');
  });

  test('when another session only reads a table that is taken over', async () => {
    const database = await createDatabase();
    await database.pool().query('create table casbin (id serial, ptype text, rule jsonb)');
    const pid = await hold(database, 'select * from casbin');
    await expectHeldBy(pid, refusalOf(database, SHORT));
  });

  test('when another session has inserted the same row and not committed', async () => {
    const database = await bootstrapped();
    const pid = await hold(
      database,
      `insert into casbin (ptype, rule) values ('p', '["one", "more", "rule"]')`,
    );
    await expectHeldBy(pid, refusalOf(database, MORE));
  });

  test('when a seeder waits for a table that only it knows', async () => {
    const database = await createDatabase();
    await database.pool().query('create table stock (id int)');
    const pid = await hold(database, 'lock table stock in exclusive mode');
    const seeder: Seeder = {
      name: 'stock',
      async seed({ db }) {
        await sql`insert into stock values (1)`.execute(db);
        return { inserted: 1, existing: 0 };
      },
    };
    const error = await expectHeldBy(pid, refusalOf(database, { ...SHORT, seeders: [seeder] }));
    expect(error.message).toContain('was not granted for seeder "stock" within');
  });

  test('when a migration waits for a table that only it knows', async () => {
    const database = await createDatabase();
    await database.pool().query('create table stock (id int)');
    const pid = await hold(database, 'update stock set id = 2; lock table stock in share mode');
    const migrations = {
      stock_1: {
        up: (db: { schema: object }) =>
          Object(db).schema.alterTable('stock').addColumn('n', 'integer').execute(),
      },
    };
    const error = await expectHeldBy(pid, refusalOf(database, { ...SHORT, migrations }));
    expect(error.message).toContain('was not granted for migration "stock_1" within');
  });
});

test('a holder without a name and without rights to see more of it is named by its pid', async () => {
  const database = await createDatabase();
  const role = await database.createRole();
  await database.pool().query(`grant create on schema public to ${role.name}`);
  const client = await database.pool({ application_name: '' }).connect();
  await client.query(`begin; select pg_advisory_xact_lock(${0x6373626e}, hashtext('public'))`);
  const { rows } = await client.query('select pg_backend_pid() as pid');
  const error = await refusalOf(database, SHORT, database.pool({ connectionString: role.url }));
  await client.query('rollback');
  client.release();
  expect(error.message).toContain(`It is held by pid ${rows[0].pid} (no application_name). Wait`);
});

test('a holder is reported with the time since when, under any DateStyle', async () => {
  const database = await createDatabase();
  const pid = await hold(database, `select pg_advisory_xact_lock(${0x6373626e}, hashtext('public'))`);
  const pool = database.pool({ options: '-c DateStyle=SQL,DMY' });
  await expectHeldBy(pid, refusalOf(database, SHORT, pool));
});

test('a lock wait is not ended by a shorter statement_timeout of the role', async () => {
  const database = await createDatabase();
  const pid = await hold(database, `select pg_advisory_xact_lock(${0x6373626e}, hashtext('public'))`);
  // Other statements take less, also on a busy machine.
  const pool = database.pool({ options: '-c statement_timeout=300' });
  await expectHeldBy(pid, refusalOf(database, { lockTimeoutMs: 600 }, pool), 600);
});

test('a statement that takes too long is reported, with the migration or seeder that ran it', async () => {
  const database = await createDatabase();
  const seeder: Seeder = {
    name: 'slow',
    async seed({ db }) {
      await sql`select pg_sleep(30)`.execute(db);
      return { inserted: 0, existing: 0 };
    },
  };
  const error = await refusalOf(database, { statementTimeoutMs: 1_500, seeders: [seeder] });
  expect(error).toMatchObject({ name: 'DatabaseError', code: 'STATEMENT_TIMEOUT' });
  expect(error.message).toMatch(
    /^Seeder "slow" failed: canceling statement due to statement timeout\. Nothing was changed\./,
  );
});

test('a rule that a seeder can not store in time is reported with the seeder', async () => {
  const database = await createBootstrapped();
  await hold(database, 'lock table casbin in share mode');
  const seeder: Seeder = {
    name: 'slow',
    async seed({ adapter }) {
      await adapter.addPolicy('p', 'p', ['user', 'reports', 'read']);
      return { inserted: 1, existing: 0 };
    },
  };
  const error = await refusalOf(database, { statementTimeoutMs: 500, seeders: [seeder] });
  expect(error.message).toMatch(
    /^Seeder "slow" failed: canceling statement due to statement timeout\. .* raise statementTimeoutMs/,
  );
});

/** Nobody can read a table that somebody alters, so neither can the comparison of before and after. */
function refusalWithoutDump(database: TestDatabase, options: AnyOptions): Promise<Error> {
  const pool: pg.Pool = database.pool();
  return failureOf(() => bootstrapDatabase(pool, Object(options)));
}
