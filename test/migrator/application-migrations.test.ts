import * as fs from 'node:fs/promises';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { CamelCasePlugin, sql } from 'kysely';
import type pg from 'pg';
import { describe, expect, test } from 'vitest';
import { bootstrapDatabase, type Migration, rowSeeder, type Seeder } from '../../src/index.ts';
import { captureLog, linesOf } from '../bootstrap/log.fixture.ts';
import { createDatabase } from '../support/database.ts';
import { createFolder } from '../support/folder.ts';
import { applicationMigrator, FileMigrationProvider } from './kysely-migrator.fixture.ts';

/** Migrations that make a table each, and count how often they run. */
function tables(...names: string[]): { migrations: Record<string, Migration>; runs: string[] } {
  const runs: string[] = [];
  const migrations = Object.fromEntries(
    names.map((name): [string, Migration] => [
      name,
      {
        async up(db) {
          runs.push(name);
          await db.schema.createTable(`t_${name}`).addColumn('id', 'integer').execute();
        },
        async down(db) {
          await db.schema.dropTable(`t_${name}`).execute();
        },
      },
    ]),
  );
  return { migrations, runs };
}

async function applied(pool: pg.Pool, table = 'kysely_migration'): Promise<string[]> {
  const { rows } = await pool.query(`select name from ${table} order by name`);
  return rows.map(({ name }) => name);
}

describe("the application's migrations", () => {
  test('run after those of the package, in the order of their names, once', async () => {
    const database = await createDatabase();
    const pool = database.pool();
    const { migrations, runs } = tables('b', 'a', 'c');

    const report = await bootstrapDatabase(pool, { migrations });
    await expect(bootstrapDatabase(pool, { migrations })).resolves.toMatchObject({ changed: false });

    expect(report.migrations.map(({ name }) => name)).toEqual([
      '0001_casbin',
      '0002_providers',
      'a',
      'b',
      'c',
    ]);
    expect(runs).toEqual(['a', 'b', 'c']);
    expect(await applied(pool)).toEqual(['a', 'b', 'c']);
    expect(await applied(pool, 'casbin_bootstrap_migration')).toEqual(['0001_casbin', '0002_providers']);
  });

  test('may come from a MigrationProvider, as from a folder', async () => {
    const database = await createDatabase();
    const folder = await createFolder();
    await writeFile(
      path.join(folder, '001_notes.mjs'),
      `export const up = (db) => db.schema.createTable('notes').addColumn('id', 'integer').execute();`,
    );
    class OwnProvider extends FileMigrationProvider {
      readonly folder = folder;
    }
    const provider = new OwnProvider({ fs, path, migrationFolder: folder });

    const report = await bootstrapDatabase(database.pool(), { migrations: provider });

    expect(report.migrations.map(({ name }) => name)).toContain('001_notes');
    await expect(database.pool().query('select from notes')).resolves.toBeDefined();
  });

  test('may be run by a Kysely Migrator of the application before', async () => {
    const database = await createDatabase();
    const pool = database.pool();
    const { migrations, runs } = tables('a', 'b');
    await expect(applicationMigrator(pool, migrations).migrateTo('a')).resolves.not.toHaveProperty('error');

    const report = await bootstrapDatabase(pool, { migrations });

    expect(report.migrations.map(({ name }) => name)).toEqual(['0001_casbin', '0002_providers', 'b']);
    expect(runs).toEqual(['a', 'b']);
  });

  test('may be run by a Kysely Migrator of the application afterwards, up and down', async () => {
    const database = await createDatabase();
    const pool = database.pool();
    const { migrations, runs } = tables('a');
    await bootstrapDatabase(pool, { migrations });
    const more = tables('a', 'b');

    const { error, results } = await applicationMigrator(pool, more.migrations).migrateToLatest();
    expect(error).toBeUndefined();
    expect(results?.map(({ migrationName }) => migrationName)).toEqual(['b']);
    expect([...runs, ...more.runs]).toEqual(['a', 'b']);
    await expect(applicationMigrator(pool, more.migrations).migrateDown()).resolves.not.toHaveProperty(
      'error',
    );

    await expect(bootstrapDatabase(pool, { migrations })).resolves.toMatchObject({ changed: false });
    await expect(bootstrapDatabase(pool, { migrations: more.migrations })).resolves.toMatchObject({
      migrations: [{ name: 'b' }],
    });
  });

  test.each([
    'set local search_path = pg_catalog',
    `select pg_catalog.set_config('search_path', '', false)`,
    'set search_path = elsewhere',
  ])(
    'may leave another search_path behind, which the next ones and seeders do not get: %s',
    async (statement) => {
      const pool = (await createDatabase()).pool({ max: 1 });
      await pool.query('create schema elsewhere');
      const { migrations } = tables('a', 'b');
      const seeders = [rowSeeder({ name: 'b', table: 't_b', key: 'id', rows: [{ id: 1 }] })];
      const report = await bootstrapDatabase(pool, {
        seeders,
        migrations: {
          ...migrations,
          a_then: {
            up: (db) =>
              sql
                .raw(statement)
                .execute(db)
                .then(() => {}),
          },
          b_then: {
            async up(db) {
              await db.schema.alterTable('t_b').addUniqueConstraint('t_b_key', ['id']).execute();
              await sql.raw(statement).execute(db);
            },
          },
        },
      });
      expect(report.seeders[1]).toMatchObject({ inserted: 1 });
      const { rows } = await pool.query(
        `select count(*)::int as here from pg_tables where schemaname = 'public' and tablename like 't\\__'`,
      );
      expect(rows).toEqual([{ here: 2 }]);
    },
  );

  test("are not run again in a schema of its own where the application's Migrator has run them", async () => {
    const pool = (await createDatabase()).pool();
    const { migrations, runs } = tables('a', 'b');
    await expect(applicationMigrator(pool, migrations).migrateToLatest()).resolves.not.toHaveProperty(
      'error',
    );

    const bootstrap = bootstrapDatabase(pool, { migrations, schema: 'auth' });

    await expect(bootstrap).rejects.toMatchObject({
      code: 'MIGRATIONS_ELSEWHERE',
      message:
        'The application\'s migrations are recorded in "public"."kysely_migration" (a and 1 more), and would run again in schema "auth". Nothing was changed. Run them by your own Migrator, and leave out the migrations option; or leave out the schema option. If they are to run in this schema too, give tableName and lockTableName beside their provider.',
    });
    expect(runs).toEqual(['a', 'b']);
    const provider = { getMigrations: async () => migrations };
    const own = { provider, tableName: 'auth_migration', lockTableName: 'auth_migration_lock' };
    await bootstrapDatabase(pool, { migrations: own, schema: 'auth' });
    await bootstrapDatabase(pool, { migrations: tables('c').migrations, schema: 'other' });
    expect(runs).toEqual(['a', 'b', 'a', 'b']);
  });

  test('are looked for in each schema of the search_path that may be read', async () => {
    const database = await createDatabase();
    const pool = database.pool();
    const { migrations } = tables('a');
    await pool.query(`
      create schema auth;
      create schema a_closed create table kysely_migration (name text);
      create schema b_other create table kysely_migration (name text);
      create schema c_last create table kysely_migration (name text);
      insert into a_closed.kysely_migration values ('a');
      insert into b_other.kysely_migration values ('another');
      insert into c_last.kysely_migration values ('a');
      alter database ${database.name} set search_path = a_closed, b_other, c_last`);
    const role = await database.createRole();
    await pool.query(`
      grant usage on schema a_closed, b_other, c_last to ${role.name};
      grant all on schema auth to ${role.name};
      grant select on b_other.kysely_migration, c_last.kysely_migration to ${role.name}`);

    const limited = database.pool({ connectionString: role.url });
    await expect(bootstrapDatabase(limited, { migrations, schema: 'auth' })).rejects.toMatchObject({
      code: 'MIGRATIONS_ELSEWHERE',
      message: expect.stringContaining('are recorded in "c_last"."kysely_migration" (a), and'),
    });
  });

  test('go on in a schema of its own that has run some of them before', async () => {
    const pool = (await createDatabase()).pool();
    await bootstrapDatabase(pool, { migrations: tables('a').migrations, schema: 'auth' });
    await pool.query('create table public.kysely_migration as table auth.kysely_migration');
    const { migrations, runs } = tables('a', 'b');
    await bootstrapDatabase(pool, { migrations, schema: 'auth' });
    expect(runs).toEqual(['b']);
  });

  test('may add the plugins that they are written for, and so may seeders', async () => {
    const pool = (await createDatabase()).pool();
    const plugin = new CamelCasePlugin();
    const users: Migration = {
      async up(db) {
        const create = db.withPlugin(plugin).schema.createTable('appUser');
        await create.addColumn('userName', 'text', (column) => column.primaryKey()).execute();
      },
    };
    const seeder: Seeder = {
      name: 'users',
      async seed({ db }) {
        await db.withPlugin(plugin).insertInto('appUser').values({ userName: 'ann' }).execute();
        return { inserted: 1, existing: 0 };
      },
    };
    await bootstrapDatabase(pool, { migrations: { users }, seeders: [seeder] });
    expect((await pool.query('select user_name from app_user')).rows).toEqual([{ user_name: 'ann' }]);
  });

  test('run in each schema that is bootstrapped', async () => {
    const pool = (await createDatabase()).pool();
    const { migrations, runs } = tables('a');
    for (const schema of ['public', 'acme']) await bootstrapDatabase(pool, { migrations, schema });
    expect(runs).toEqual(['a', 'a']);
  });

  test('that make nothing need no right to create tables', async () => {
    const database = await createDatabase();
    const owner = database.pool();
    const { migrations } = tables('a');
    await bootstrapDatabase(owner, { migrations });
    const role = await database.createRole();
    await owner.query(`grant select, insert, update on all tables in schema public to ${role.name}`);
    const fill: Migration = { up: async (db) => void (await sql`insert into t_a values (1)`.execute(db)) };

    const pool = database.pool({ connectionString: role.url });
    await bootstrapDatabase(pool, { migrations: { ...migrations, b: fill } });

    expect(await applied(owner)).toEqual(['a', 'b']);
  });

  test('run in the transaction of the bootstrap, on its search_path', async () => {
    const database = await createDatabase();
    const pool = database.pool();
    const { migrations } = tables('a');

    await bootstrapDatabase(pool, { migrations, schema: 'app' });

    const { rows } = await pool.query(`select to_regclass('app.t_a') is not null as there`);
    expect(rows).toEqual([{ there: true }]);
    expect(await applied(pool, 'app.kysely_migration')).toEqual(['a']);
  });
});

describe('two releases of an application', () => {
  test('start side by side: the older one finds a migration that it does not know', async () => {
    const database = await createDatabase();
    const pool = database.pool();
    const [older, newer] = [tables('a'), tables('a', 'b')];
    await bootstrapDatabase(pool, { migrations: older.migrations });
    await bootstrapDatabase(pool, { migrations: newer.migrations });
    const { logger, lines } = captureLog();

    await expect(bootstrapDatabase(pool, { migrations: older.migrations, logger })).resolves.toMatchObject({
      changed: false,
    });

    expect(linesOf(lines, 'unknown_migrations')).toEqual([expect.objectContaining({ names: ['b'] })]);
  });

  test('and the older one may still write missing rules', async () => {
    const database = await createDatabase();
    const pool = database.pool();
    await bootstrapDatabase(pool, { migrations: tables('a', 'b').migrations });
    await pool.query(`delete from casbin where rule = '["admin", "user"]'`);

    await expect(bootstrapDatabase(pool, { migrations: tables('a').migrations })).resolves.toMatchObject({
      changed: true,
      migrations: [],
      seeders: [{ inserted: 1 }, {}],
    });
  });

  test('fail when each has a migration that the other lacks', async () => {
    const database = await createDatabase();
    const pool = database.pool();
    await bootstrapDatabase(pool, { migrations: tables('a', 'c').migrations });

    await expect(bootstrapDatabase(pool, { migrations: tables('a', 'b').migrations })).rejects.toMatchObject({
      code: 'MIGRATION_FAILED',
      message: expect.stringContaining('corrupted migrations'),
    });
  });

  test('are refused under another name, with the table that has the applied one', async () => {
    const database = await createDatabase();
    const pool = database.pool();
    const provider = (...names: string[]) => ({
      getMigrations: async () => tables(...names).migrations,
    });
    const bootstrap = (...names: string[]) =>
      bootstrapDatabase(pool, { migrations: { provider: provider(...names), tableName: 'done' } });
    await bootstrap('a');

    await expect(bootstrap('a_renamed')).rejects.toMatchObject({
      code: 'MIGRATION_FAILED',
      message:
        'The migrations failed: corrupted migrations: previously executed migration a is missing. Nothing was changed. Give each applied migration under the name that table "done" has. If it was renamed, rename it there too. If a new one may run before applied ones, give allowUnorderedMigrations.',
    });
  });
});
