import { type Kysely, sql } from 'kysely';
import { describe, expect, test } from 'vitest';
import { bootstrapDatabase } from '../../src/bootstrap.ts';
import { defaultPolicy } from '../../src/defaults/default-policy.ts';
import { MigrationError } from '../../src/errors.ts';
import type { Migration } from '../../src/migrator/migration.ts';
import type { SeederContext } from '../../src/seeding/seeder.ts';
import { createBootstrapped } from '../bootstrap/bootstrapped.fixture.ts';
import { createDatabase } from '../support/database.ts';
import { problemsOf, refusalOf } from './refusal.fixture.ts';
import { THROWN } from './thrown.fixture.ts';

const NOTHING = { inserted: 0, existing: 0 };

/** What a bootstrap is refused with whose migration does this, after it has written something. */
async function migrationRefusal(code: string, work: (db: Kysely<unknown>) => unknown) {
  const database = await createDatabase();
  const odd: Migration = {
    async up(db) {
      await sql`create table written (id int primary key)`.execute(db);
      await work(db);
    },
  };
  const first: Migration = {
    up: (db) => db.schema.createTable('first').addColumn('id', 'integer').execute(),
  };
  const error = await refusalOf(database, { migrations: { '1_first': first, '2_odd': odd } });
  expect(error).toBeInstanceOf(MigrationError);
  expect(error).toMatchObject({ code, migration: '2_odd' });
  expect(error.message).toMatch(/^Migration "2_odd" /);
  return error;
}

describe('a migration', () => {
  test.each(THROWN)('that throws %s is named, with its reason and its cause', async (_, thrown, reason) => {
    const error = await migrationRefusal('MIGRATION_FAILED', () => {
      throw thrown;
    });
    expect(error.message).toBe(`Migration "2_odd" failed: ${reason}. Nothing was changed.`);
    expect(error.cause).toBe(thrown);
  });

  test.each([
    'select * from nowhere',
    'alter table first drop column nothing',
    'create tabel x ()',
    'create schema first_; create table first_.t (); select 1 / 0',
    'insert into first (id) values (1) on conflict (id) do nothing',
  ])('that fails is named: %s', async (statement) => {
    await migrationRefusal('MIGRATION_FAILED', (db) => sql.raw(statement).execute(db));
  });

  test.each([
    'create index concurrently on written (id)',
    'vacuum written',
    'create database other',
    'drop index concurrently written_pkey',
    "alter system set work_mem = '8MB'",
  ])('that can not run in a transaction is refused with that reason: %s', async (statement) => {
    const error = await migrationRefusal('MIGRATION_NOT_TRANSACTIONAL', (db) =>
      sql.raw(statement).execute(db),
    );
    expect(error.message).toContain("can't run in a transaction");
    expect(error.message).toContain(
      'with your own tool first, and do not give them here (or give migrations: false',
    );
  });

  test('that uses an enum value of its own transaction is refused with that reason, and so is a seeder', async () => {
    const database = await createDatabase();
    await database.pool().query("create type mood as enum ('sad')");
    const add: Migration = {
      up: async (db) => void (await sql`alter type mood add value 'happy'`.execute(db)),
    };
    const use = (db: Kysely<unknown>) => sql`select 'happy'::mood`.execute(db);
    const migrations = { '1_add': add, '2_use': { up: async (db: Kysely<unknown>) => void (await use(db)) } };
    const error = await refusalOf(database, { migrations });
    expect(error).toMatchObject({
      name: 'MigrationError',
      code: 'MIGRATION_NOT_TRANSACTIONAL',
      migration: '2_use',
    });
    expect(error.message).toContain('in the transaction that adds the enum value');

    const seed = async ({ db }: SeederContext) => {
      await sql`select 'happy'::mood`.execute(db);
      return NOTHING;
    };
    const other = await refusalOf(database, {
      migrations: { '1_add': add },
      seeders: [{ name: 'odd', seed }],
    });
    expect(other).toMatchObject({ name: 'SeederError', seeder: 'odd' });
    expect(other.message).toContain('outside of the bootstrap');
  });

  test.each(['commit', 'rollback', 'begin', 'end;'])(
    'that says "%s" is refused before anything is done',
    async (statement) => {
      const error = await migrationRefusal('MIGRATION_ENDED_TRANSACTION', (db) =>
        sql.raw(statement).execute(db),
      );
      expect(error.message).toContain('Nothing was changed.');
      expect(error.message).toContain(
        'with your own tool first, and do not give them here (or give migrations: false',
      );
    },
  );

  test('that opens a transaction is refused', async () => {
    await migrationRefusal('MIGRATION_ENDED_TRANSACTION', (db) => db.transaction().execute(async () => {}));
  });

  test('that hides a commit behind another statement fails, and the message says that a part may be committed', async () => {
    const database = await createDatabase();
    const up = async (db: Kysely<unknown>) => void (await sql.raw('create table t (); commit').execute(db));
    const error = await bootstrapDatabase(database.pool(), { migrations: { odd: { up } } }).catch((e) => e);
    expect(error).toMatchObject({
      name: 'MigrationError',
      code: 'MIGRATION_ENDED_TRANSACTION',
      migration: 'odd',
    });
    expect(error.message).toContain('may be committed');
    expect(error.message).not.toContain('Nothing was changed');
  });

  test('that resets all settings is refused with that reason, because its transaction has not ended', async () => {
    const error = await migrationRefusal('MIGRATION_FAILED', (db) => sql`reset all`.execute(db));
    expect(error.message).toBe(
      'Migration "2_odd" must not reset all settings, because the transaction of the bootstrap has some of its own. Nothing was changed. Reset the settings one by one.',
    );
  });

  test('that ignores an SQL error fails with that error', async () => {
    const error = await migrationRefusal('MIGRATION_FAILED', (db) =>
      sql`select 1 / 0`.execute(db).catch(() => {}),
    );
    expect(error.message).toContain('caught an SQL error and continued');
    expect(error.message).toContain('division by zero');
  });

  test('that makes a unique index of rows with equal keys is not tried again', async () => {
    const database = await createDatabase();
    await database.pool().query(`create table users as values ('ann'), ('ann')`);
    let times = 0;
    const up = async (db: Kysely<unknown>) => {
      times += 1;
      await sql`create unique index one_each on users (column1)`.execute(db);
    };
    const error = await refusalOf(database, { migrations: { odd: { up } } });
    expect(times).toBe(1);
    expect(error.message).toBe(
      'Migration "odd" failed: could not create unique index "one_each". Nothing was changed.',
    );
  });

  test.each([
    'drop table casbin',
    'alter table casbin rename to rules',
    'alter table casbin drop column rule',
  ])('that takes the rule table away is named: %s', async (statement) => {
    const migrations = {
      odd: { up: async (db: Kysely<unknown>) => void (await sql.raw(statement).execute(db)) },
    };
    const error = await refusalOf(await createBootstrapped(), { migrations });
    expect(error).toMatchObject({ code: 'MIGRATION_BROKE_POLICY', migration: 'odd', failures: [] });
    expect(error.message).toMatch(
      /^After migration "odd", the rule table public\.casbin can't be read any more: .* does not exist\. Nothing/,
    );
  });

  test.each([
    [
      'before a migration ends the bootstrap, as nothing could be said of that migration',
      'is null',
      'DATABASE_REFUSED',
    ],
    [
      'after a migration is the reason of its failure, and not what it has broken',
      'is not null',
      'MIGRATION_FAILED',
    ],
  ])('a read of the rules that fails %s', async (_, moment, code) => {
    const database = await createBootstrapped({ seeders: [] });
    // Only the transaction that writes is marked; the migration makes the table "written".
    await database.pool().query(`
      alter table casbin rename to stored;
      create function pass() returns bool language plpgsql as $$ begin
        if current_setting('casbin_bootstrap.transaction', true) <> '' and to_regclass('written') ${moment} then
          raise 'not now';
        end if;
        return true;
      end $$;
      create view casbin as select id, ptype, rule from stored where pass();
    `);
    const up = async (db: Kysely<unknown>) => void (await sql`create table written ()`.execute(db));
    const error = await refusalOf(database, {
      policy: defaultPolicy,
      seeders: [],
      migrations: { odd: { up } },
    });
    expect(error).toMatchObject({ code, cause: { code: 'P0001' } });
  });

  test('that takes the rule table away in the run that made it is what has to be corrected', async () => {
    const up = async (db: Kysely<unknown>) => void (await sql`drop table casbin`.execute(db));
    const error = await refusalOf(await createDatabase(), { migrations: { odd: { up } } });
    expect(error).toMatchObject({ code: 'TABLE_MISSING' });
    expect(error.message).toMatch(/Nothing was changed\. The migrations of this run .* Correct them\.$/);
  });

  test('that can not be recorded is no migration that failed, and the reason is that of the server', async () => {
    const database = await createBootstrapped({ seeders: [] });
    await database.pool().query(`
      create function refuse() returns trigger language plpgsql as $$ begin raise 'no locks today'; end $$;
      create trigger refuse before insert on casbin_bootstrap_migration_lock for each row execute function refuse();
      delete from casbin_bootstrap_migration_lock`);
    const error = await refusalOf(database);
    expect(error).toMatchObject({ code: 'MIGRATION_FAILED', migration: null, cause: { code: 'P0001' } });
    expect(error.message).toBe('The migrations failed: no locks today. Nothing was changed.');
  });

  test('that was applied and is missing now is reported', async () => {
    const database = await createDatabase();
    const up = async () => {};
    await bootstrapDatabase(database.pool(), { migrations: { '1_a': { up }, '3_c': { up } } });
    const gone = await refusalOf(database, { migrations: { '3_c': { up }, '4_d': { up } } });
    expect(gone).toMatchObject({ name: 'MigrationError', code: 'MIGRATION_FAILED', migration: null });
    expect(gone.message).toMatch(/^The migrations failed: .*1_a/);
    const unordered = await refusalOf(database, {
      migrations: { '1_a': { up }, '2_b': { up }, '3_c': { up } },
    });
    expect(unordered).toMatchObject({ name: 'MigrationError', migration: null });
  });
});

describe('a MigrationProvider', () => {
  test.each(THROWN)('that throws %s is a problem of the options', async (_, thrown, reason) => {
    const migrations = { getMigrations: () => Promise.reject(thrown) };
    expect(await problemsOf({ migrations })).toEqual([
      {
        code: 'OPTION_INVALID',
        at: 'migrations',
        message: `the provider threw: ${reason}. Fix it, or give the migrations as an object.`,
      },
    ]);
  });

  test.each<[unknown, string]>([
    [undefined, 'migrations'],
    [[], 'migrations'],
    [{ a: {} }, 'migrations.a.up'],
    [{ a: null }, 'migrations.a'],
  ])('that gives no migrations is a problem of the options: %j', async (given, at) => {
    const problems = await problemsOf({ migrations: { getMigrations: async () => given } });
    expect(problems.map((problem) => problem.at.replace(/^a/, 'migrations.a'))).toEqual([at]);
  });
});
