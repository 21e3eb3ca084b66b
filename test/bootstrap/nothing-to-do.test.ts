import { sql } from 'kysely';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createEmbeddedPool } from '../../src/embedded/index.ts';
import {
  type BootstrapOptions,
  bootstrapDatabase,
  defaultPolicy,
  type PoolLike,
  providerSeeder,
  rowSeeder,
  type Seeder,
} from '../../src/index.ts';
import { createDatabase } from '../support/database.ts';
import { openWire } from '../support/wire.ts';
import { createBootstrapped } from './bootstrapped.fixture.ts';

describe('a start with nothing to do', () => {
  test('takes one round trip', async () => {
    const database = await createBootstrapped();
    await using wire = await openWire(database.url);

    const report = await bootstrapDatabase(database.pool({ connectionString: wire.url }));

    expect(report).toMatchObject({
      changed: false,
      migrations: [],
      takeover: null,
      verification: { ok: true, checks: 56, allowed: 26 },
    });
    expect(wire.roundTrips).toBe(1);
    expect(wire.statements).toEqual([
      expect.stringMatching(/^begin isolation level repeatable read read only;[\s\S]*;\ncommit$/),
    ]);
  });

  test.each<[string, BootstrapOptions, BootstrapOptions]>([
    ['a named table of columns', { table: 'casbin_rule' }, { table: 'casbin_rule' }],
    ['a table of columns that it finds', { table: 'casbin_rule' }, {}],
    ['a table of columns in a schema', { table: 'casbin_rule', schema: 'App %s' }, { schema: 'App %s' }],
    ['a table of columns by the expected name', { table: { name: 'casbin', layout: 'columns' } }, {}],
    ['a table of columns alone', { table: 'policies', seeders: [] }, { seeders: [] }],
    [
      'a document table by another name',
      { table: { name: '%I"\'', layout: 'document' } },
      { table: '%I"\'' },
    ],
    [
      'a definition with a version',
      { policy: { ...defaultPolicy, version: 2 } },
      { policy: { ...defaultPolicy, version: 2 } },
    ],
    ['a table without the journal that another tool is to make', {}, { migrations: false, journal: true }],
  ])('takes one round trip on %s', async (_, made, options) => {
    const database = await createDatabase();
    await bootstrapDatabase(database.pool(), made);
    await using wire = await openWire(database.url);

    await expect(
      bootstrapDatabase(database.pool({ connectionString: wire.url }), options),
    ).resolves.toMatchObject({ changed: false, verification: { ok: true, checks: 56, allowed: 26 } });
    expect(wire.roundTrips).toBe(1);
  });

  test.each([{}, { table: 'casbin_rule' }])('needs no PL/pgSQL: %o', async (options) => {
    const database = await createDatabase();
    await bootstrapDatabase(database.pool(), options);
    const role = await database.createRole('nosuperuser');
    await database.pool().query(`
      revoke usage on language plpgsql from public;
      grant select on all tables in schema public to ${role.name}
    `);

    await expect(
      bootstrapDatabase(database.pool({ connectionString: role.url }), options),
    ).resolves.toMatchObject({ changed: false, verification: { ok: true, checks: 56 } });
  });

  test.each<[string, BootstrapOptions]>([
    ['', {}],
    [', on a table of columns', { table: 'casbin_rule' }],
  ])('takes one round trip in a schema with an application that has migrations%s', async (_, given) => {
    const database = await createDatabase();
    const options = {
      ...given,
      schema: 'app',
      migrations: { '2026_notes': { up: async () => {} } },
      statementTimeoutMs: 60_000,
    };
    await bootstrapDatabase(database.pool(), options);
    await using wire = await openWire(database.url);

    await expect(
      bootstrapDatabase(database.pool({ connectionString: wire.url }), options),
    ).resolves.toMatchObject({ changed: false });
    expect(wire.roundTrips).toBe(1);
  });

  test('takes one round trip with any number of row seeders', async () => {
    const database = await createDatabase();
    await database.pool().query(`
      create table settings (id int primary key, "it's" text);
      create table countries (code varchar(2), "name \\" text, unique (code, "name \\"))
    `);
    const settings = rowSeeder({
      name: 'settings',
      table: 'settings',
      key: 'id',
      rows: Array.from({ length: 10_000 }, (_, id) => ({ id, "it's": 'x' })),
    });
    const countries = rowSeeder({
      name: 'countries',
      table: 'public.countries',
      key: ['code', 'name \\'],
      rows: [{ code: 'CI', 'name \\': "Côte d'Ivoire \\" }],
    });
    const none = rowSeeder({ name: 'none', table: 'settings', key: 'id', rows: [] });
    const options = { seeders: [providerSeeder(), settings, countries, none] };
    await bootstrapDatabase(database.pool(), options);
    await using wire = await openWire(database.url);

    const report = await bootstrapDatabase(database.pool({ connectionString: wire.url }), options);

    expect(report).toMatchObject({ changed: false, verification: { ok: true } });
    expect(report.seeders.map(({ existing }) => existing)).toEqual([16, 3, 10_000, 1, 0]);
    expect(wire.roundTrips).toBe(1);
  });

  test('asks the seeders of the application, and many rows, in a transaction afterwards', async () => {
    const database = await createDatabase();
    await database.pool().query('create table numbers (n int primary key)');
    const rows = Array.from({ length: 10_001 }, (_, n) => ({ n }));
    const own: Seeder = {
      name: 'own',
      isSeeded: async ({ db }) => (await sql`select from numbers limit 1`.execute(db)).rows.length > 0,
      seed: async () => ({ inserted: 0, existing: 0 }),
    };
    const options = { seeders: [rowSeeder({ name: 'numbers', table: 'numbers', key: 'n', rows }), own] };
    await bootstrapDatabase(database.pool(), options);
    await using wire = await openWire(database.url);

    await expect(
      bootstrapDatabase(database.pool({ connectionString: wire.url }), options),
    ).resolves.toMatchObject({ changed: false });

    // The message; a begin, one question for each, a commit.
    expect(wire.roundTrips).toBe(5);
  });

  test('says which rows of a seeder are missing by inserting just those', async () => {
    const database = await createDatabase();
    await database.pool().query('create table settings (id int primary key)');
    const rows = [{ id: 1 }, { id: 2 }, { id: 3 }];
    const options = { seeders: [rowSeeder({ name: 'settings', table: 'settings', key: 'id', rows })] };
    await bootstrapDatabase(database.pool(), options);
    await database.pool().query('delete from settings where id = 2');

    await expect(bootstrapDatabase(database.pool(), options)).resolves.toMatchObject({
      changed: true,
      seeders: [{ name: 'rbac' }, { name: 'settings', inserted: 1, existing: 2 }],
    });
  });

  test.each([{}, { table: 'casbin_rule' }])(
    'on an embedded database takes one round trip: %o',
    async (options) => {
      const pool = createEmbeddedPool();
      onTestFinished(() => pool.end());
      await bootstrapDatabase(pool, options);
      const texts: string[] = [];
      const counting: PoolLike = {
        async connect() {
          const client = await pool.connect();
          return {
            ...client,
            query(query: string | { text: string }, values?: unknown[]) {
              texts.push(typeof query === 'string' ? query : query.text);
              return client.query(query as string, values);
            },
          };
        },
      };

      await expect(bootstrapDatabase(counting, options)).resolves.toMatchObject({
        changed: false,
        verification: { ok: true, checks: 56 },
      });

      expect(texts).toEqual([expect.stringMatching(/^begin [\s\S]*commit$/)]);
    },
  );

  test('is assigned no transaction id, sees one moment of the database, and is not the first run', async () => {
    const database = await createBootstrapped();
    const pool = database.pool({ max: 1 });
    const seen: unknown[] = [];
    const witness: Seeder = {
      name: 'witness',
      async isSeeded({ db, firstRun }) {
        const { rows } = await sql`
          select
            pg_current_xact_id_if_assigned() as id,
            current_setting('transaction_read_only') as read_only,
            current_setting('transaction_isolation') as isolation
        `.execute(db);
        seen.push(firstRun, rows[0]);
        return true;
      },
      seed: async () => ({ inserted: 0, existing: 0 }),
    };

    await bootstrapDatabase(pool, { seeders: [providerSeeder(), witness] });

    expect(seen).toEqual([false, { id: null, read_only: 'on', isolation: 'repeatable read' }]);
  });

  test('waits for no bootstrap, Migrator or writer', async () => {
    const database = await createBootstrapped();
    const pool = database.pool();
    const other = await pool.connect();
    await other.query('begin');
    await other.query(`select pg_advisory_xact_lock(${0x6373626e}, hashtext('public'))`);
    await other.query('select pg_advisory_xact_lock(3853314791062309107)');
    await other.query('lock table casbin, providers, casbin_bootstrap_migration in exclusive mode');

    await expect(bootstrapDatabase(pool, { lockTimeoutMs: 1 })).resolves.toMatchObject({ changed: false });

    await other.query('rollback');
    other.release();
  });

  test('takes no lock that would keep a writer or another bootstrap waiting', async () => {
    const database = await createBootstrapped();
    const pool = database.pool();
    let modes: unknown[] = [];
    const witness: Seeder = {
      name: 'witness',
      async isSeeded({ db }) {
        const { rows } = await sql<{ mode: string }>`
          select distinct mode from pg_locks where pid = pg_backend_pid() and locktype <> 'virtualxid'
        `.execute(db);
        modes = rows.map(({ mode }) => mode);
        return true;
      },
      seed: async () => ({ inserted: 0, existing: 0 }),
    };

    await bootstrapDatabase(pool, { seeders: [providerSeeder(), witness] });

    expect(modes).toEqual(['AccessShareLock']);
  });
});

test.each([
  ['LOCK_TIMEOUT', { lockTimeoutMs: 20 }],
  ['LOCK_TIMEOUT', { lockTimeoutMs: 20, engine: 'cockroachdb' }],
  ['STATEMENT_TIMEOUT', { statementTimeoutMs: 20 }],
] as const)('a look at a locked table waits once: %s with %o', async (code, options) => {
  const database = await createBootstrapped();
  const other = await database.pool().connect();
  await other.query('begin; lock table casbin in access exclusive mode');
  await using wire = await openWire(database.url);

  await expect(
    bootstrapDatabase(database.pool({ connectionString: wire.url }), options),
  ).rejects.toMatchObject({ code });

  expect(wire.statements.filter((text) => /_timeout = 20\b/.test(text))).toHaveLength(1);
  await other.query('rollback');
  other.release();
});
