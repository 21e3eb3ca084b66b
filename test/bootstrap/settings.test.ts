import { sql } from 'kysely';
import { describe, expect, test } from 'vitest';
import { restoreSettings } from '../../src/database/settings.ts';
import {
  bootstrapDatabase,
  type Migration,
  providerSeeder,
  rowSeeder,
  type Seeder,
} from '../../src/index.ts';
import { createDatabase } from '../support/database.ts';
import { inTransaction } from '../tables/rule-table.fixture.ts';
import { createBootstrapped } from './bootstrapped.fixture.ts';
import { untilBlocked } from './database-state.fixture.ts';

const OF_INTEREST = [
  'search_path',
  'lock_timeout',
  'statement_timeout',
  'idle_in_transaction_session_timeout',
  'transaction_isolation',
  'transaction_read_only',
  'jit',
  'array_nulls',
];

/** A seeder that notes the settings that it runs under. */
function witness(seen: Record<string, string>[]): Seeder {
  return {
    name: 'witness',
    async seed({ db }) {
      const { rows } = await sql<Record<string, string>>`
        select ${sql.join(OF_INTEREST.map((name) => sql`current_setting(${name}) as ${sql.ref(name)}`))}
      `.execute(db);
      seen.push(...rows);
      return { inserted: 0, existing: 0 };
    },
  };
}

describe('the settings of the role', () => {
  test.for(['serializable', 'repeatable read'])('of isolation level %s do not matter', async (level) => {
    const database = await createDatabase();
    const options = `-c default_transaction_isolation=${level.replace(' ', '\\ ')}`;
    const seen: Record<string, string>[] = [];

    const starts = Array.from({ length: 6 }, () => bootstrapDatabase(database.pool({ max: 1, options })));
    const reports = await Promise.all(starts);
    await bootstrapDatabase(database.pool({ max: 1, options }), { seeders: [witness(seen)] });

    expect(reports.filter(({ changed }) => changed)).toHaveLength(1);
    expect(seen[0]).toMatchObject({ transaction_isolation: 'read committed', transaction_read_only: 'off' });
  });

  test('of a short statement_timeout does not end the wait for another bootstrap', async () => {
    const database = await createDatabase();
    const pool = database.pool();
    const holder = await pool.connect();
    await holder.query('begin');
    await holder.query(`select pg_advisory_xact_lock(${0x6373626e}, hashtext('public'))`);
    const seen: Record<string, string>[] = [];
    const hurried = database.pool({ max: 1, options: '-c statement_timeout=2s' });

    const bootstrap = bootstrapDatabase(hurried, { seeders: [witness(seen)] });
    await untilBlocked(pool);
    // Longer than the statement_timeout: the server itself lets the time pass.
    await holder.query('select pg_sleep(2.2)');
    await holder.query('rollback');
    holder.release();

    await expect(bootstrap).resolves.toMatchObject({ changed: true });
    expect(seen[0], 'and holds again afterwards').toMatchObject({ statement_timeout: '2s' });
  });

  test.for([
    ['5s', {}, '5s'],
    ['5s', { idleInTransactionTimeoutMs: 60_000 }, '1min'],
    ['5s', { idleInTransactionTimeoutMs: 0 }, '0'],
    ['0', {}, '20s'],
    ['0', { idleInTransactionTimeoutMs: 0 }, '0'],
  ] as const)(
    'of idle_in_transaction_session_timeout = %s stays with %o: %s',
    async ([setting, options, expected]) => {
      const database = await createDatabase();
      const seen: Record<string, string>[] = [];
      const pool = database.pool({
        max: 1,
        options: `-c idle_in_transaction_session_timeout=${setting}`,
      });

      await bootstrapDatabase(pool, { ...options, seeders: [witness(seen)] });

      expect(seen[0]).toMatchObject({ idle_in_transaction_session_timeout: expected });
    },
  );

  test('of array_nulls = off does not make nulls a text', async () => {
    const database = await createDatabase();
    const pool = database.pool({ max: 1, options: '-c array_nulls=off' });
    await pool.query('create table note (id int primary key, author text)');
    const rows = [
      { id: 1, author: null },
      { id: 2, author: 'NULL' },
    ];

    const notes: Seeder = {
      name: 'notes',
      async seed({ db }) {
        const ids = rows.map(({ id }) => id);
        const authors = rows.map(({ author }) => author);
        await sql`insert into note select * from unnest(${ids}::int[], ${authors}::text[])`.execute(db);
        return { inserted: 2, existing: 0 };
      },
    };
    await bootstrapDatabase(pool, { seeders: [notes] });

    expect((await pool.query('select * from note order by id')).rows).toEqual(rows);
  });

  test('that change how values are written change nothing', async () => {
    const database = await createDatabase();
    const options = [
      'array_nulls=off',
      'standard_conforming_strings=off',
      'backslash_quote=off',
      'bytea_output=escape',
      'DateStyle=SQL,DMY',
      'IntervalStyle=sql_standard',
      'TimeZone=Pacific/Apia',
      'extra_float_digits=-15',
      'xmloption=document',
      'transform_null_equals=on',
      'quote_all_identifiers=on',
      'default_transaction_deferrable=on',
      'session_replication_role=replica',
    ];
    const pool = database.pool({ max: 1, options: options.map((option) => `-c ${option}`).join(' ') });
    await pool.query('create table kept (at timestamptz primary key, weight float8, bytes bytea, note text)');
    const rows = [
      {
        at: new Date('2026-02-03T04:05:06.789Z'),
        weight: 0.1 + 0.2,
        bytes: Buffer.from([0, 92, 255]),
        note: null,
      },
      {
        at: new Date('2026-03-02T04:05:06.789Z'),
        weight: 1e-300,
        bytes: Buffer.from("\\'"),
        note: "\\' NULL",
      },
    ];
    const kept = () => rowSeeder({ name: 'kept', table: 'kept', key: ['at'], rows });
    const rules = [['p', "o'hara\\", 'NULL', '{"a"}']];

    await bootstrapDatabase(pool, { policy: { rules }, seeders: [kept(), providerSeeder()] });
    const again = await bootstrapDatabase(pool, { policy: { rules }, seeders: [kept(), providerSeeder()] });

    expect(again.changed).toBe(false);
    const plain = database.pool({ max: 1 });
    expect((await plain.query('select * from kept order by at')).rows).toEqual(rows);
    expect((await plain.query("select rule from casbin where ptype = 'p'")).rows).toEqual([
      { rule: rules[0]?.slice(1) },
    ]);
    const { rows: nulls } = await plain.query("select from providers p where p::text like '%NULL%'");
    expect(nulls).toEqual([]);
  });
});

test('no query is compiled, which would take longer than any of ours runs', async () => {
  const database = await createDatabase();
  const seen: Record<string, string>[] = [];

  await bootstrapDatabase(database.pool({ options: '-c jit=on' }), { seeders: [witness(seen)] });

  expect(seen[0]).toMatchObject({ jit: 'off' });
});

test('lockTimeoutMs bounds each wait for a lock', async () => {
  const database = await createDatabase();
  const seen: Record<string, string>[] = [];

  await bootstrapDatabase(database.pool(), { lockTimeoutMs: 6_543, seeders: [witness(seen)] });
  await bootstrapDatabase(database.pool(), { seeders: [witness(seen)] });

  expect(seen).toMatchObject([{ lock_timeout: '6543ms' }, { lock_timeout: '30s' }]);
});

test('statementTimeoutMs bounds each statement', async () => {
  const database = await createDatabase();
  const seen: Record<string, string>[] = [];
  const slow: Seeder = {
    name: 'slow',
    async seed({ db }) {
      await sql`select pg_sleep(60)`.execute(db);
      return { inserted: 0, existing: 0 };
    },
  };

  await bootstrapDatabase(database.pool(), { statementTimeoutMs: 4321, seeders: [witness(seen)] });
  expect(seen[0]).toMatchObject({ statement_timeout: '4321ms' });
  await expect(
    bootstrapDatabase(database.pool(), { statementTimeoutMs: 50, seeders: [slow] }),
  ).rejects.toMatchObject({ code: 'STATEMENT_TIMEOUT' });
});

test('no setting leaks into the pooled connection, whether the run commits, fails or has nothing to do', async () => {
  const database = await createDatabase();
  const pool = database.pool({ max: 1 });
  const read = async () => {
    const columns = OF_INTEREST.map((name) => `current_setting('${name}') as ${name}`).join(', ');
    const marker = `nullif(current_setting('casbin_bootstrap.transaction', true), '') as marker`;
    return (await pool.query(`select ${columns}, ${marker}`)).rows[0];
  };
  const before = await read();
  const options = { schema: 'app', statementTimeoutMs: 5_000, lockTimeoutMs: 6_000 };

  await bootstrapDatabase(pool, options);
  expect(await read()).toEqual(before);
  await bootstrapDatabase(pool, options);
  expect(await read()).toEqual(before);
  const broken = { name: 'broken', seed: () => Promise.reject(new Error('no')) };
  await expect(bootstrapDatabase(pool, { ...options, seeders: [broken] })).rejects.toThrow();
  expect(await read()).toEqual(before);
});

test("what the application's migrations set for the session does not leak, as from a dump of pg_dump", async () => {
  const database = await createDatabase();
  const { name: deployer } = await database.createRole();
  await database.pool().query('create schema elsewhere');
  const pool = database.pool({ max: 1, options: '-c statement_timeout=5s -c DateStyle=SQL,DMY' });
  await pool.query('set search_path = elsewhere, public; set lock_timeout = 777');
  const read = async () => {
    const { rows } = await pool.query(`
      select name, setting from pg_settings where name not like 'plpgsql.%'
      union all select 'role', current_setting('role')
      order by 1
    `);
    return rows;
  };
  const before = await read();
  const migrations = {
    '001_dump': setting(`
      set statement_timeout = 0; set lock_timeout = 0; set idle_in_transaction_session_timeout = 0;
      select pg_catalog.set_config('search_path', '', false);
      set client_min_messages = warning; set row_security = off; set datestyle = 'ISO, YMD'; set jit = off;
      set session_replication_role = replica; set deadlock_timeout = '2s'`),
    '002_role': setting(`
      grant all on all tables in schema public to ${deployer};
      grant all on all sequences in schema public to ${deployer};
      set role ${deployer}; set work_mem = '9MB'`),
  };

  const report = await bootstrapDatabase(pool, { migrations, schema: 'public' });

  expect(report.migrations).toContainEqual({ name: '002_role', status: 'applied' });
  expect(await read()).toEqual(before);
});

test('what a seeder or its migration sets for the session does not leak', async () => {
  const pool = (await createDatabase()).pool({ max: 1 });
  const show = async () =>
    (
      await pool.query(
        `select current_setting('search_path') as path, current_setting('row_security') as security`,
      )
    ).rows;
  const before = await show();
  const dump = `set row_security = off; select pg_catalog.set_config('search_path', '', false)`;
  const settings: Seeder = {
    ...rowSeeder({ name: 'settings', table: 'settings', key: 'id', rows: [{ id: 1 }] }),
    migrations: { '001_settings': setting(`create table settings (id int primary key); ${dump}`) },
  };
  const own: Seeder = {
    name: 'own',
    async seed({ db }) {
      await setting(dump).up(db);
      return { inserted: 0, existing: 0 };
    },
  };

  await bootstrapDatabase(pool, { seeders: [settings] });
  expect(await show()).toEqual(before);
  await bootstrapDatabase(pool, { seeders: [settings, own] });
  expect(await show()).toEqual(before);
});

test.for([true, false])(
  'what an isSeeded sets for the session does not leak where it answers %s',
  async (isSeeded) => {
    const database = await createBootstrapped();
    const { name: reader } = await database.createRole();
    const pool = database.pool({ max: 1 });
    const show = async () =>
      (await pool.query('select current_user as role, current_setting($1) as path', ['search_path'])).rows;
    const before = await show();
    const own: Seeder = {
      name: 'own',
      async isSeeded({ db }) {
        await setting(`set search_path = app; set role ${reader}`).up(db);
        return isSeeded;
      },
      seed: async () => ({ inserted: 0, existing: 0 }),
    };

    await bootstrapDatabase(pool, { seeders: [own] });
    expect(await show()).toEqual(before);
  },
);

test('the user of the session that a migration sets does not leak, nor the size of buffers that were not used', async () => {
  const database = await createDatabase();
  const { name: importer } = await database.createRole();
  const pool = database.pool({ max: 1 });
  const show = async () => (await pool.query('select session_user, current_user')).rows;
  const before = await show();
  const migrations = {
    '001_user': setting(`
      set temp_buffers = '16MB';
      grant all on all tables in schema public to ${importer};
      grant all on all sequences in schema public to ${importer};
      set session authorization ${importer}`),
  };

  await bootstrapDatabase(pool, { migrations });

  expect(await show()).toEqual(before);
  expect((await pool.query('show temp_buffers')).rows).toEqual([{ temp_buffers: '8MB' }]);
});

test('a migration may set the size of the buffers for the temporary tables that it makes', async () => {
  const pool = (await createDatabase()).pool({ max: 1 });
  const migrations = {
    '001_import': setting(`
      set temp_buffers = '16MB';
      create temporary table imported (id int) on commit drop;
      insert into imported values (1)`),
  };

  const report = await bootstrapDatabase(pool, { migrations });

  expect(report.migrations).toContainEqual({ name: '001_import', status: 'applied' });
});

test('a setting of superusers that the server has read again meanwhile stays as it is', async () => {
  const database = await createDatabase();
  const { url } = await database.createRole();
  await inTransaction(database.pool({ connectionString: url }), async (client) => {
    const before = JSON.stringify({ log_min_duration_statement: '77', work_mem: '77' });
    await client.query(`select set_config('casbin_bootstrap.settings', $1, true)`, [before]);
    await restoreSettings(client);
    expect((await client.query('show work_mem')).rows).toEqual([{ work_mem: '77kB' }]);
  });
});

function setting(statements: string): Migration {
  return {
    async up(db) {
      for (const statement of statements.split(';')) await sql.raw(statement).execute(db);
    },
  };
}
