import { sql } from 'kysely';
import type pg from 'pg';
import { expect, test } from 'vitest';
import { bootstrapTenants, type Seeder, type Tenant } from '../../src/index.ts';
import { captureLog, linesOf } from '../bootstrap/log.fixture.ts';
import { createDatabase } from '../support/database.ts';
import { Census, countClients, meetingOf } from './pools.fixture.ts';

function schemasOn(pool: Tenant['pool'], count: number): Tenant[] {
  return Array.from({ length: count }, (_, index) => ({
    name: `tenant ${index}`,
    schema: `tenant_${index}`,
    pool,
  }));
}

async function countRules(pool: pg.Pool, tenants: readonly Tenant[]): Promise<number[]> {
  const counts = tenants.map(({ schema }) => `(select count(*)::int from ${schema}.casbin)`);
  const { rows } = await pool.query(`select array[${counts.join()}] as counts`);
  return rows[0].counts;
}

test.each([
  [3, { concurrency: 3 }],
  [4, {}],
])('a schema per tenant on one pool: %d at a time for %o, and never more', async (most, options) => {
  const pool = (await createDatabase()).pool();
  const clients = new Census();
  const tenants = schemasOn(countClients(pool, clients, meetingOf(most)), 20);

  const report = await bootstrapTenants(tenants, options);

  expect(report).toMatchObject({ ok: true, total: 20, succeeded: 20, failed: 0, changed: 20 });
  expect(report.tenants.map(({ name, status }) => `${name} ${status}`)).toEqual(
    tenants.map(({ name }) => `${name} bootstrapped`),
  );
  expect(clients).toEqual({ now: 0, most, total: expect.any(Number) });
  expect(await countRules(pool, tenants)).toEqual(Array(20).fill(16));
});

test('a second run changes nothing, and reports each tenant as a bootstrap of it would', async () => {
  const pool = (await createDatabase()).pool();
  const tenants = schemasOn(pool, 5);
  await bootstrapTenants(tenants);

  const report = await bootstrapTenants(tenants);

  expect(report).toMatchObject({ ok: true, total: 5, succeeded: 5, failed: 0, changed: 0 });
  for (const tenant of report.tenants) {
    expect(tenant).toMatchObject({
      status: 'bootstrapped',
      report: {
        changed: false,
        migrations: [],
        takeover: null,
        seeders: [
          { name: 'rbac', inserted: 0, existing: 16 },
          { name: 'providers', inserted: 0, existing: 3 },
        ],
        verification: { ok: true, checks: 56 },
        durationMs: expect.any(Number),
      },
    });
  }
});

test('only missing rules of a tenant count as a change', async () => {
  const pool = (await createDatabase()).pool();
  const tenants = schemasOn(pool, 3);
  await bootstrapTenants(tenants);
  await pool.query(`delete from tenant_1.casbin where rule = '["readonly", "accounts", "read"]'`);

  const report = await bootstrapTenants(tenants);

  expect(report).toMatchObject({ ok: true, changed: 1 });
  expect(report.tenants).toMatchObject([
    { report: { changed: false } },
    { report: { changed: true, seeders: [{ inserted: 1 }, { inserted: 0 }] } },
    { report: { changed: false } },
  ]);
});

test.each([4, 1])(
  'a shared pool of one client is waited for, by each tenant in its turn, with the concurrency %d',
  async (concurrency) => {
    const pool = (await createDatabase()).pool({ max: 1 });
    const { logger, lines } = captureLog();
    const tenants = schemasOn(pool, 6);

    const report = await bootstrapTenants(tenants, { concurrency, logger });

    expect(report).toMatchObject({ ok: true, succeeded: 6 });
    const done = linesOf(lines, 'tenant_bootstrapped').map(({ tenant }) => tenant);
    expect(done).toEqual(tenants.map(({ name }) => name));
  },
);

test('a shared pool that is smaller is waited for longer than it lets anybody wait', async () => {
  const pool = (await createDatabase()).pool({ max: 2, connectionTimeoutMillis: 400 });
  let running = 0;
  let most = 0;
  const slow: Seeder = {
    name: 'slow',
    async seed({ db }) {
      most = Math.max(most, ++running);
      await sql`select pg_sleep(0.5)`.execute(db);
      running--;
      return { inserted: 0, existing: 0 };
    },
  };

  const report = await bootstrapTenants(schemasOn(pool, 5), { concurrency: 4, seeders: [slow] });

  expect(report).toMatchObject({ ok: true, succeeded: 5 });
  expect(most).toBe(2);
});

test('a shared pool that tells a size of 0 is one without a limit', async () => {
  const pool = (await createDatabase()).pool({ max: 2 });
  const unlimited = { connect: () => pool.connect(), options: { max: 0 } };
  const report = await bootstrapTenants(schemasOn(unlimited, 3));
  expect(report).toMatchObject({ ok: true, succeeded: 3 });
});

test('a dry run reports what would change for each tenant, and changes nothing', async () => {
  const pool = (await createDatabase()).pool();
  const tenants = schemasOn(pool, 2);

  const { logger, lines } = captureLog();
  const report = await bootstrapTenants(tenants, { dryRun: true, logger });

  expect(report).toMatchObject({ ok: true, changed: 2 });
  expect(linesOf(lines, 'tenant_bootstrapped')).toMatchObject(
    Array(2).fill({ changed: true, msg: 'Tenant would be bootstrapped' }),
  );
  const { rows } = await pool.query(`select 1 from pg_namespace where nspname like 'tenant%'`);
  expect(rows).toEqual([]);
});

test('a tenant without a schema lives where the search_path says', async () => {
  const database = await createDatabase();
  const pool = database.pool();

  const options: object = { schema: 'pg_not_used' };
  await bootstrapTenants(
    [
      { name: 'main', pool },
      { name: 'other', schema: 'other', pool },
    ],
    options,
  );

  const { rows } = await pool.query(`select schemaname from pg_tables where tablename = 'casbin' order by 1`);
  expect(rows).toEqual([{ schemaname: 'other' }, { schemaname: 'public' }]);
});

test('an empty list of tenants succeeds', async () => {
  await expect(bootstrapTenants([])).resolves.toEqual({
    ok: true,
    total: 0,
    succeeded: 0,
    failed: 0,
    changed: 0,
    tenants: [],
    durationMs: expect.any(Number),
  });
});
