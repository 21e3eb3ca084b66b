import { sql } from 'kysely';
import type pg from 'pg';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  bootstrapDatabase,
  createAdapter,
  createEnforcer,
  type Migration,
  type Seeder,
  verifyDatabase,
} from '../../src/index.ts';
import { readRules } from '../bootstrap/database-state.fixture.ts';
import { policyOfManyRules } from '../bootstrap/many-rules.fixture.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { pgBouncerProgram, startPgBouncer } from '../support/pgbouncer.ts';
import { startProcesses } from '../support/processes.ts';
import { openWire } from '../support/wire.ts';

// Many processes on few cores.
const PATIENCE_MS = 180_000;
const BOOTSTRAP = new URL('../proofs/races/children/bootstrap.mjs', import.meta.url);
const POOL_SIZE = 2;
const SETTINGS = [
  'search_path',
  'statement_timeout',
  'lock_timeout',
  'idle_in_transaction_session_timeout',
  'jit',
  'default_transaction_isolation',
  'default_transaction_read_only',
  'casbin_bootstrap.transaction',
  'casbin_bootstrap.found',
  'casbin_bootstrap.rule_count',
];

if (pgBouncerProgram === undefined) {
  console.warn('test/scaling/pgbouncer.test.ts is skipped: pgbouncer is not installed.');
}

/** A database, and the way to it through a PgBouncer. */
async function openBouncer(poolSize = POOL_SIZE) {
  const database = await createDatabase();
  const bouncer = await startPgBouncer(database.url, poolSize);
  // Called before the database is dropped: what finishes first was registered last.
  onTestFinished(() => bouncer[Symbol.asyncDispose]());
  const pool = (options: pg.PoolConfig = {}) => database.pool({ connectionString: bouncer.url, ...options });
  return { database, url: bouncer.url, pool };
}

/** What the next clients find on each of the bouncer's connections, which are all taken at once for that. */
async function readSettings(pool: pg.Pool, connections: number) {
  const clients = await Promise.all(Array.from({ length: connections }, () => pool.connect()));
  const states = [];
  for (const client of clients) {
    await client.query('begin');
    const { rows } = await client.query(
      `select pg_backend_pid() as pid, array(select name from pg_prepared_statements) as prepared,
         array(select coalesce(current_setting(name, true), '') from unnest($1::text[]) with ordinality as s (name, n) order by n) as settings`,
      [SETTINGS],
    );
    states.push(rows[0]);
  }
  for (const client of clients) await client.query('rollback');
  for (const client of clients) client.release();
  expect(new Set(states.map(({ pid }) => pid)).size).toBe(connections);
  expect(states.flatMap(({ prepared }) => prepared)).toEqual([]);
  return states.map(({ settings }) => settings);
}

/** Nothing is left on the server, nor on the connections that others will be given. */
async function expectNothingLeft(database: TestDatabase, through: pg.Pool, connections = POOL_SIZE) {
  const [fresh] = await readSettings(database.pool(), 1);
  expect(await readSettings(through, connections)).toEqual(Array(connections).fill(fresh));
  const observer = database.pool();
  const look = async () => {
    const { rows } = await observer.query(`
      select
        (select count(*)::int from pg_locks where locktype = 'advisory' and database = d.oid) as locks,
        (select count(*)::int from pg_stat_activity
         where datid = d.oid and backend_type = 'client backend' and state <> 'idle' and pid <> pg_backend_pid()) as busy
      from pg_database d
      where datname = current_database()
    `);
    return rows;
  };
  // A session that has just been ended, or has just begun, is not idle for a moment.
  await expect.poll(look).toEqual([{ locks: 0, busy: 0 }]);
}

describe.skipIf(pgBouncerProgram === undefined)('through PgBouncer in transaction mode', () => {
  test('what one client sets for its session, another one finds: so these tests would see it', async () => {
    const { pool } = await openBouncer(1);
    await pool({ max: 1 }).query("set search_path to left_behind; set casbin_bootstrap.transaction = 'open'");

    expect((await readSettings(pool(), 1))[0]).toEqual(expect.arrayContaining(['left_behind', 'open']));
  });

  test.for([{}, { schema: 'apart' }, { statementTimeoutMs: 20_000, lockTimeoutMs: 10_000 }])(
    'bootstraps, starts again, verifies and loads with %o',
    async (options) => {
      const { database, pool } = await openBouncer();
      const through = pool();

      await expect(bootstrapDatabase(through, options)).resolves.toMatchObject({
        changed: true,
        verification: { ok: true, checks: 56 },
      });
      await expect(bootstrapDatabase(through, options)).resolves.toMatchObject({ changed: false });
      await expect(verifyDatabase(through, options)).resolves.toMatchObject({ ok: true, checks: 56 });
      const { schema } = { schema: undefined, ...options };
      const enforcer = await createEnforcer(through, schema === undefined ? {} : { schema });
      expect(await enforcer.enforce('admin', 'accounts', 'read')).toBe(true);
      await expectNothingLeft(database, through);
    },
  );

  test.each([{}, { table: 'casbin_rule' }])(
    'a start with nothing to do takes one round trip: %o',
    async (options) => {
      const { database, url, pool } = await openBouncer();
      await bootstrapDatabase(database.pool(), options);
      await using wire = await openWire(url);

      await expect(bootstrapDatabase(pool({ connectionString: wire.url }), options)).resolves.toMatchObject({
        changed: false,
      });

      expect(wire.roundTrips).toBe(1);
      await expectNothingLeft(database, pool());
    },
  );

  test('writes and reads a policy in portions, and leaves no cursor behind', async () => {
    const { database, pool } = await openBouncer();
    const options = { policy: policyOfManyRules(), seeders: [] };
    const through = pool();

    await bootstrapDatabase(through, options);
    await expect(bootstrapDatabase(through, options)).resolves.toMatchObject({
      changed: false,
      verification: { ok: true, allowed: 12_000 },
    });
    const enforcer = await createEnforcer(through);
    expect(await enforcer.getPolicy()).toHaveLength(12_000);

    expect((await through.query('select name from pg_cursors')).rows).toEqual([]);
    await expectNothingLeft(database, through);
  });

  test('adds, changes, saves and removes rules', async () => {
    const { database, pool } = await openBouncer();
    const through = pool();
    await bootstrapDatabase(through);
    const adapter = createAdapter(through);
    const enforcer = await createEnforcer(through);

    await adapter.addPolicies('p', 'p', [
      ['bob', 'ledger', 'read'],
      ['bob', 'ledger', 'write'],
    ]);
    await adapter.updatePolicy('p', 'p', ['bob', 'ledger', 'write'], ['bob', 'ledger', 'delete']);
    await adapter.removePolicy('p', 'p', ['bob', 'ledger', 'read']);
    expect(await readRules(database.pool())).toHaveLength(17);
    expect(await readRules(database.pool())).toContain('p, bob, ledger, delete');
    await adapter.savePolicy(enforcer.getModel());

    expect(await readRules(database.pool())).toHaveLength(16);
    await expectNothingLeft(database, through);
  });

  test('says what to do where the pool gives a setting that PgBouncer refuses', async () => {
    const { pool } = await openBouncer(1);

    await expect(bootstrapDatabase(pool({ statement_timeout: 1_000 }))).rejects.toMatchObject({
      code: 'CONNECTION_FAILED',
      message: expect.stringMatching(
        /parameter: statement_timeout\. Leave it out of the options of the pool\. /,
      ),
    });
  });

  test('lets 12 instances in 4 processes bootstrap an empty database over two connections', {
    timeout: PATIENCE_MS,
  }, async () => {
    const { database, url, pool } = await openBouncer();

    await using processes = startProcesses(4, BOOTSTRAP);

    const reports = await processes.round<{ changed: boolean }[]>({ url, instances: 3 });

    expect(reports.flat().filter(({ changed }) => changed)).toMatchObject([{ inserted: 19 }]);
    expect(new Set(await readRules(database.pool())).size).toBe(16);
    await expectNothingLeft(database, pool());
  });

  test.for([
    { name: 'the same tables', schemaOf: () => ({}) },
    { name: 'a schema each', schemaOf: (index: number) => ({ schema: `tenant_${index}` }) },
  ])('lets 16 instances start at once on $name, twice', async ({ schemaOf }) => {
    const { database, pool } = await openBouncer(3);
    const instances = Array.from({ length: 16 }, (_, index) => ({
      through: pool({ max: 1 }),
      options: schemaOf(index),
    }));
    const start = () =>
      Promise.all(instances.map(({ through, options }) => bootstrapDatabase(through, options)));

    const [first, second] = [await start(), await start()];

    expect(first.map(({ verification }) => verification.ok)).toEqual(Array(16).fill(true));
    expect(second.map(({ changed }) => changed)).toEqual(Array(16).fill(false));
    await expectNothingLeft(database, pool(), 3);
  });

  const throwing: Seeder = {
    name: 'throwing',
    seed: () => Promise.reject(new Error('no luck')),
  };
  const aborting: Record<string, Migration> = {
    aborting: { up: (db) => db.schema.dropTable('none').execute() },
  };
  const waiting: Seeder = {
    name: 'waiting',
    async seed({ db }) {
      await sql`select pg_sleep(20)`.execute(db);
      return { inserted: 0, existing: 0 };
    },
  };

  test.for([
    {
      name: 'a seeder that throws',
      code: 'SEEDER_FAILED',
      options: { schema: 'apart', seeders: [throwing] },
    },
    {
      name: 'a migration that fails',
      code: 'MIGRATION_FAILED',
      options: { schema: 'apart', migrations: aborting },
    },
    {
      name: 'a statement that takes too long',
      code: 'STATEMENT_TIMEOUT',
      options: { schema: 'apart', seeders: [waiting], statementTimeoutMs: 2_000 },
    },
  ])('leaves a clean connection behind $name', async ({ code, options }) => {
    const { database, pool } = await openBouncer(1);

    await expect(bootstrapDatabase(pool({ max: 1 }), options)).rejects.toMatchObject({ code });

    await expectNothingLeft(database, pool(), 1);
    await expect(bootstrapDatabase(pool())).resolves.toMatchObject({ changed: true });
  });

  test('leaves neither lock nor transaction behind an instance that dies while it writes', async () => {
    const { database, pool } = await openBouncer(1);
    const dying: Seeder = {
      name: 'dying',
      async seed({ db }) {
        const { rows } = await database
          .pool()
          .query("select count(*)::int as held from pg_locks where locktype = 'advisory'");
        expect(rows[0].held).toBeGreaterThan(0);
        victim.destroy();
        await db.selectFrom('casbin').selectAll().execute();
        return { inserted: 0, existing: 0 };
      },
    };
    const through = pool({ max: 1 });
    const client = await through.connect();
    // The socket below pg, which its types don't show.
    const victim = Object(client).connection.stream;
    client.release();

    await expect(bootstrapDatabase(through, { seeders: [dying] })).rejects.toMatchObject({
      code: 'CONNECTION_LOST',
    });

    await expect(bootstrapDatabase(pool())).resolves.toMatchObject({ changed: true });
    await expectNothingLeft(database, pool(), 1);
  });
});
