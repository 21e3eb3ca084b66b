import { describe, expect, test, vi } from 'vitest';
import { bootstrapDatabase, definePolicy, readStatus } from '../../src/index.ts';
import { createDatabase } from '../support/database.ts';

const POLICY = definePolicy({
  roles: {
    viewer: { permissions: { invoices: ['read'] } },
    clerk: { inherits: ['viewer'] },
  },
});

describe('the status', () => {
  test('of an empty database says what is missing', async () => {
    const pool = (await createDatabase()).pool();
    await expect(readStatus(pool, { policy: POLICY })).resolves.toEqual({
      table: { name: '"casbin"', layout: 'document', isMissing: true },
      packageMigrations: { applied: [], pending: ['0001_casbin', '0002_providers'] },
      applicationMigrations: null,
      version: null,
      rules: { defined: 2, stored: 0, missing: 2, extra: 0, keptAway: 0 },
      verification: null,
      isComplete: false,
    });
    await expect(readStatus(pool, { policy: null, migrations: false })).resolves.toMatchObject({
      rules: { defined: 0, missing: 0 },
      isComplete: false,
    });
  });

  test('of a bootstrapped one counts rules, and reports drift', async () => {
    const database = await createDatabase();
    const pool = database.pool();
    await bootstrapDatabase(pool, { policy: POLICY });
    await pool.query(
      `insert into casbin (ptype, rule) values ('p', '["viewer", "invoices", "delete"]'), ('g', '["a", "clerk"]')`,
    );
    await expect(readStatus(pool, { policy: POLICY })).resolves.toMatchObject({
      table: { name: 'public.casbin', layout: 'document', isMissing: false },
      packageMigrations: { applied: ['0001_casbin', '0002_providers'], pending: [] },
      rules: { defined: 2, stored: 4, missing: 0, extra: 2 },
      verification: { ok: true, drift: [{ rule: ['p', 'viewer', 'invoices', 'delete'] }] },
      isComplete: true,
    });
  });

  test('lists in order what is applied, by other releases too', async () => {
    const pool = (await createDatabase()).pool();
    await bootstrapDatabase(pool, { policy: POLICY });
    await pool.query(
      `insert into casbin_bootstrap_migration select '0000_other', timestamp from casbin_bootstrap_migration limit 1`,
    );
    await expect(readStatus(pool, { policy: POLICY })).resolves.toMatchObject({
      packageMigrations: { applied: ['0000_other', '0001_casbin', '0002_providers'], pending: [] },
      isComplete: true,
    });
  });

  test('reports a missing rule, and a missing migration of the application', async () => {
    const pool = (await createDatabase()).pool();
    const migrations = { '001_a': { up: async () => {} } };
    await bootstrapDatabase(pool, { policy: POLICY, seeders: [], migrations });
    await pool.query(`delete from casbin where ptype = 'g'`);
    const newer = { ...migrations, '002_b': { up: async () => {} } };
    await expect(readStatus(pool, { policy: POLICY, migrations: newer, seeders: [] })).resolves.toMatchObject(
      {
        packageMigrations: { pending: [] },
        applicationMigrations: { applied: ['001_a'], pending: ['002_b'] },
        rules: { defined: 2, stored: 1, missing: 1, extra: 0 },
        isComplete: false,
      },
    );
    await expect(readStatus(pool, { policy: POLICY, migrations, seeders: [] })).resolves.toMatchObject({
      applicationMigrations: { pending: [] },
      isComplete: false,
    });
  });

  test('reports a pending migration alone, by the list that the application names', async () => {
    const pool = (await createDatabase()).pool({ options: '-c search_path=public,app' });
    await pool.query('create schema app');
    const up = async () => {};
    const listed = (...names: string[]) => ({
      policy: POLICY,
      seeders: [],
      migrations: {
        provider: { getMigrations: async () => Object.fromEntries(names.map((name) => [name, { up }])) },
        tableName: 'done',
      },
    });
    await bootstrapDatabase(pool, listed('001_a'));
    await pool.query('alter table done set schema app');
    await expect(readStatus(pool, listed('001_a'))).resolves.toMatchObject({ isComplete: true });
    await expect(readStatus(pool, listed('003_c', '002_b', '001_a'))).resolves.toMatchObject({
      applicationMigrations: { applied: ['001_a'], pending: ['002_b', '003_c'] },
      rules: { missing: 0 },
      isComplete: false,
    });
  });

  test('is complete where a rule is missing on purpose', async () => {
    const pool = (await createDatabase()).pool();
    const options = { policy: { ...POLICY, version: 1, onRevoked: 'keep' as const }, seeders: [] };
    await bootstrapDatabase(pool, options);
    await pool.query(`delete from casbin where ptype = 'g'`);
    await expect(readStatus(pool, options)).resolves.toMatchObject({
      rules: { defined: 2, stored: 1, missing: 0, extra: 0, keptAway: 1 },
      verification: { ok: true, keptAway: [{ because: 'vanished' }] },
      isComplete: true,
    });
  });

  test('may take long to verify, without the server ending its transaction', async () => {
    const pool = (await createDatabase()).pool();
    await bootstrapDatabase(pool, { policy: POLICY, seeders: [] });
    const readSession = async () => {
      const { rows } = await pool.query<{ query: string }>(`
        select query from pg_stat_activity
        where datname = current_database() and state = 'idle in transaction' and query not like 'begin%'`);
      return rows[0]?.query;
    };
    let isKept = false;
    const configureEnforcer = async () => {
      if (isKept || (await readSession()) === undefined) return;
      await vi.waitUntil(async () => (await readSession()) === 'select', { timeout: 30_000, interval: 20 });
      isKept = true;
    };
    const status = readStatus(pool, { policy: POLICY, seeders: [], configureEnforcer });
    await expect(status).resolves.toMatchObject({ isComplete: true });
    expect(isKept).toBe(true);
  });

  test('is not complete before the first bootstrap with a newer version', async () => {
    const pool = (await createDatabase()).pool();
    const of = (version: number) => ({ policy: { ...POLICY, version }, seeders: [] });
    await bootstrapDatabase(pool, of(1));
    await expect(readStatus(pool, of(1))).resolves.toMatchObject({
      version: { defined: 1, newest: 1 },
      isComplete: true,
    });
    await expect(readStatus(pool, of(2))).resolves.toMatchObject({
      version: { defined: 2, newest: 1 },
      rules: { missing: 0 },
      isComplete: false,
    });
  });

  test('has the migration of a journal as pending until it records, if a journal is asked for', async () => {
    const pool = (await createDatabase()).pool();
    const options = { policy: { ...POLICY, version: 1 }, seeders: [] };
    const name = '0003_journal_casbin';
    await expect(readStatus(pool, { ...options, journal: true })).resolves.toMatchObject({
      version: { defined: 1, newest: null },
      packageMigrations: { applied: [], pending: expect.arrayContaining([name]) },
    });
    await bootstrapDatabase(pool, { ...options, journal: true });
    await pool.query('alter table casbin disable trigger user');
    await expect(readStatus(pool, { ...options, journal: true })).resolves.toMatchObject({
      packageMigrations: { applied: expect.not.arrayContaining([name]), pending: [name] },
      isComplete: false,
    });
    await expect(readStatus(pool, options)).resolves.toMatchObject({
      packageMigrations: { applied: expect.arrayContaining([name]), pending: [] },
      isComplete: true,
    });
  });

  test('is complete where another tool runs the migrations, and in a table of columns', async () => {
    const pool = (await createDatabase()).pool();
    await pool.query(
      'create table casbin_rule (id serial primary key, ptype text, v0 text, v1 text, v2 text, v3 text, v4 text, v5 text)',
    );
    await bootstrapDatabase(pool, { policy: POLICY, seeders: [], migrations: false });
    await pool.query('insert into casbin_rule (ptype, v0, v1, v2) select ptype, v0, v1, v2 from casbin_rule');
    await expect(readStatus(pool, { policy: POLICY, migrations: false })).resolves.toMatchObject({
      table: { name: 'public.casbin_rule', layout: 'columns' },
      packageMigrations: null,
      // A rule that is stored twice is defined all the same.
      rules: { defined: 2, stored: 4, missing: 0, extra: 0 },
      isComplete: true,
    });
  });

  test('needs the policy of the database', async () => {
    const pool = (await createDatabase()).pool();
    await bootstrapDatabase(pool, { policy: POLICY, seeders: [] });
    await expect(readStatus(pool)).rejects.toMatchObject({ code: 'POLICY_MISSING' });
  });
});
