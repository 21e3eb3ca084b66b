import { sql } from 'kysely';
import { describe, expect, test } from 'vitest';
import {
  bootstrapDatabase,
  defaultPolicy,
  type Migration,
  providerSeeder,
  rowSeeder,
  type Seeder,
  verifyDatabase,
} from '../../src/index.ts';
import { applicationMigrator } from '../migrator/kysely-migrator.fixture.ts';
import { createDatabase } from '../support/database.ts';
import { createBootstrapped } from './bootstrapped.fixture.ts';
import { readRules, snapshot } from './database-state.fixture.ts';
import { migrateByStockAdapter } from './stock-adapter.fixture.ts';

describe('the search_path of the connection', () => {
  test('decides where the tables are made when no schema is given', async () => {
    const database = await createDatabase();
    await database.pool().query('create schema tenant');
    const pool = database.pool({ options: '-c search_path=tenant,public' });

    await bootstrapDatabase(pool);

    expect(await readRules(pool, 'tenant.casbin')).toHaveLength(16);
    await expect(bootstrapDatabase(pool)).resolves.toMatchObject({ changed: false });
    const { rows } = await pool.query(`select to_regclass('public.casbin') as casbin`);
    expect(rows).toEqual([{ casbin: null }]);
  });

  test.for(['pg_catalog,public', 'pg_temp,public', '"pg_catalog", pg_temp, public', 'pg_catalog,tenant'])(
    'that begins with one of PostgreSQL itself means the next one: %s',
    async (path) => {
      const database = await createDatabase();
      await database.pool().query('create schema tenant');
      // Whoever puts pg_catalog first wants its functions, and not those that others may have made.
      await database.pool().query(`
        create function public.pg_notify(text, text) returns void language plpgsql as
        $$ begin raise exception 'not this one'; end $$
      `);
      const options = `-c search_path=${path.replaceAll(' ', '\\ ')} -c standard_conforming_strings=off`;
      const pool = database.pool({ options, max: 1 });
      // Then there is a temporary schema to find.
      await pool.query('create temp table scratch ()');

      await expect(bootstrapDatabase(pool)).resolves.toMatchObject({ changed: true });
      await expect(bootstrapDatabase(pool)).resolves.toMatchObject({ changed: false });
      await expect(verifyDatabase(pool)).resolves.toMatchObject({ ok: true });

      const schema = path.split(',').at(-1)?.trim();
      expect(await readRules(database.pool(), `${schema}.casbin`)).toHaveLength(16);
    },
  );

  test('of nothing but schemas of PostgreSQL itself is refused, with advice to name one', async () => {
    const database = await createDatabase();
    const role = await database.createRole();
    for (const path of ['pg_catalog', 'pg_temp', 'pg_catalog,information_schema', 'pg_toast']) {
      const pool = database.pool({ connectionString: role.url, options: `-c search_path=${path}` });
      await expect(bootstrapDatabase(pool)).rejects.toMatchObject({
        code: 'SCHEMA_MISSING',
        message: expect.stringMatching(/Create one, or name one by the schema option\.$/),
      });
    }
  });

  test('of a role leads to the table that is there already', async () => {
    const database = await createDatabase();
    await migrateByStockAdapter(database.url);
    await database.pool().query('create schema tenant');
    const pool = database.pool({ options: '-c search_path=tenant,public' });

    await expect(bootstrapDatabase(pool)).resolves.toMatchObject({ takeover: { constraintReplaced: true } });

    expect(await readRules(pool, 'public.casbin')).toHaveLength(16);
    await expect(bootstrapDatabase(pool)).resolves.toMatchObject({ changed: false });
  });

  test.each([
    ['as it is expected', 'casbin'],
    ['of another layout', 'casbin_rule'],
  ])('that leads to a rule table %s does so for the tables of seeders, at each start', async (_, table) => {
    const database = await createDatabase();
    const asked: unknown[] = [];
    const witness: Seeder = {
      name: 'witness',
      async isSeeded({ db, schema }) {
        const { rows } =
          await sql`select ${schema ?? null}::text as schema, count(slug)::int from providers`.execute(db);
        asked.push(rows[0]);
        return true;
      },
      seed: async () => ({ inserted: 0, existing: 0 }),
    };
    await bootstrapDatabase(database.pool(), { policy: defaultPolicy, table, seeders: [] });
    await database.pool().query('create schema tenant; create table tenant.providers (id int, insurer text)');
    const pool = database.pool({ options: '-c search_path=tenant,public' });
    const options = { policy: defaultPolicy, seeders: [providerSeeder(), witness] };

    await expect(bootstrapDatabase(pool, options)).resolves.toMatchObject({ changed: true });
    for (const more of [{}, { engine: 'cockroachdb' }] as const)
      await expect(bootstrapDatabase(pool, { ...options, ...more })).resolves.toMatchObject({
        changed: false,
      });
    expect(asked).toEqual([1, 2].map(() => ({ schema: 'public', count: 3 })));
  });

  describe('with a casbin table of somebody else in a later schema', () => {
    const policy = { rules: [['p', 'reader', 'data', 'read']] };
    const options = { table: 'acl', policy, seeders: [] };

    async function createBoth(statements = '') {
      const database = await createDatabase();
      await migrateByStockAdapter(database.url);
      await database.pool().query(`create schema app; ${statements}`);
      return { database, path: '-c search_path=app,public' };
    }

    test('has a table of another name made in its first schema', async () => {
      const { database, path } = await createBoth();
      const pool = database.pool({ options: path });

      await expect(bootstrapDatabase(pool, options)).resolves.toMatchObject({ changed: true });

      const { rows } = await pool.query('select ptype, v0, v1, v2 from app.acl');
      expect(rows).toEqual([{ ptype: 'p', v0: 'reader', v1: 'data', v2: 'read' }]);
      await expect(bootstrapDatabase(pool, options)).resolves.toMatchObject({ changed: false });
      expect(await readRules(pool, 'public.casbin')).toEqual([]);
    });

    test('is told who holds the lock of the schema that the named table is in', async () => {
      const { database, path } = await createBoth();
      const holder = await database.pool({ application_name: 'the other' }).connect();
      await holder.query('begin');
      await holder.query(`select pg_advisory_xact_lock(${0x6373626e}, hashtext('app'))`);

      const error = await bootstrapDatabase(database.pool({ options: path }), {
        ...options,
        lockTimeoutMs: 100,
      }).catch((reason: unknown) => reason);
      await holder.query('rollback');
      holder.release();

      expect(error).toMatchObject({ code: 'LOCK_TIMEOUT', holders: [{ applicationName: 'the other' }] });
    });

    test('is told the privileges that are missing on the named table', async () => {
      const { database, path } = await createBoth();
      const owner = database.pool({ options: path });
      await bootstrapDatabase(owner, options);
      const role = await database.createRole();
      await owner.query(`grant usage on schema app to ${role.name}`);
      const pool = database.pool({ connectionString: role.url, options: path });

      const error = await bootstrapDatabase(pool, options).catch((reason: unknown) => reason);

      expect(error).toMatchObject({ code: 'PERMISSION_DENIED' });
      for (const remedy of Object(error).remedies) await owner.query(remedy);
      await expect(bootstrapDatabase(pool, options)).resolves.toMatchObject({ changed: false });
    });
  });

  test('leads to the migrations that the application has run itself, wherever the casbin table is', async () => {
    const database = await createDatabase();
    await migrateByStockAdapter(database.url);
    await database.pool().query('create schema tenant');
    const pool = database.pool({ options: '-c search_path=tenant,public' });
    const table = (name: string): Migration => ({
      up: (db) => db.schema.createTable(name).addColumn('id', 'integer').execute(),
    });
    const application = applicationMigrator(database.pool({ options: '-c search_path=tenant,public' }), {
      a: table('t_a'),
    });
    await application.migrateToLatest();
    const seen: (string | undefined)[] = [];
    const witness: Seeder = {
      name: 'witness',
      async seed({ db }) {
        const { rows } = await sql<{ first: string }>`select current_schema() as first`.execute(db);
        seen.push(rows[0]?.first);
        return { inserted: 0, existing: 0 };
      },
    };
    const migrations = { a: table('t_a'), b: table('t_b') };
    const options = { migrations, seeders: [providerSeeder(), witness, { ...witness, name: 'another' }] };

    const report = await bootstrapDatabase(pool, options);

    expect(report.migrations.map(({ name }) => name)).toEqual(['0001_casbin', '0002_providers', 'b']);
    const { rows } = await pool.query(`select to_regclass('tenant.t_b') is not null as beside_the_other`);
    expect(rows).toEqual([{ beside_the_other: true }]);
    expect(seen, 'seeders work where the rules are').toEqual(['public', 'public']);
    expect(await readRules(pool, 'public.casbin')).toHaveLength(16);
    await expect(bootstrapDatabase(pool, { migrations })).resolves.toMatchObject({ changed: false });
  });

  test('of a role that names another schema does not matter if the option is given', async () => {
    const database = await createBootstrapped();
    const owner = database.pool();
    const before = (await snapshot(owner)).contents;
    const pool = database.pool({ options: '-c search_path=public' });

    await expect(bootstrapDatabase(pool, { schema: 'app' })).resolves.toMatchObject({ changed: true });

    expect(await readRules(owner, 'app.casbin')).toHaveLength(16);
    expect((await snapshot(owner)).contents).toMatchObject(before as object);
  });

  test('stays behind the schema, so that types of public are visible to seeders and migrations', async () => {
    const database = await createDatabase();
    const pool = database.pool();
    await pool.query(`create type mood as enum ('good', 'bad')`);
    const moods = rowSeeder({
      name: 'moods',
      table: 'moods',
      key: 'id',
      rows: [{ id: 1, mood: 'good' }],
      migrations: {
        moods_0001: {
          up: async (db) => {
            await sql`create table moods (id int primary key, mood mood not null)`.execute(db);
          },
        },
      },
    });

    await bootstrapDatabase(pool, { schema: 'app', seeders: [moods] });

    const { rows } = await pool.query('select id, mood from app.moods');
    expect(rows).toEqual([{ id: 1, mood: 'good' }]);
    await expect(bootstrapDatabase(pool, { schema: 'app', seeders: [moods] })).resolves.toMatchObject({
      changed: false,
    });
  });
});
