import pg from 'pg';
import { expect, test } from 'vitest';
import { BootstrapError, bootstrapTenants, type Tenant } from '../../src/index.ts';
import { captureLog, linesOf } from '../bootstrap/log.fixture.ts';
import { showsAnywhere } from '../refusals/refusal.fixture.ts';
import { createDatabase } from '../support/database.ts';
import { Census, countedPool } from './pools.fixture.ts';

const ERROR = 50;

test('tenants that fail are reported, each by its own error, and leave the others alone', async () => {
  const database = await createDatabase();
  const pool = database.pool();
  await pool.query('create schema broken create table casbin (id serial primary key, name text)');
  const missing = new URL(database.url);
  missing.pathname = '/no_such_database';
  const pools = new Census();
  const tenants: Tenant[] = [
    { name: 'broken table', schema: 'broken', pool },
    { name: 'sound', schema: 'sound', pool },
    { name: 'no database', pool: () => countedPool(pools, missing.href) },
    {
      name: 'throws',
      pool: () => {
        throw new Error('the vault is sealed');
      },
    },
    { name: 'rejects', pool: () => Promise.reject() },
    { name: 'no server', pool: () => new pg.Pool({ host: '127.0.0.1', port: 1 }) },
    { name: 'no pool', pool: () => Reflect.get({}, 'pool') },
    { name: 'connect throws', pool: { connect: () => Reflect.apply(() => JSON.parse('{'), null, []) } },
    { name: 'sound too', schema: 'sound_too', pool },
  ];

  const report = await bootstrapTenants(tenants, { concurrency: 2 });

  expect(report).toMatchObject({ ok: false, total: 9, succeeded: 2, failed: 7, changed: 2 });
  const outcomes = report.tenants.map((tenant) =>
    tenant.status === 'failed'
      ? [tenant.name, tenant.error.name, tenant.error.code]
      : [tenant.name, tenant.report.verification.ok],
  );
  expect(outcomes).toEqual([
    ['broken table', 'DatabaseError', 'TABLE_SHAPE'],
    ['sound', true],
    ['no database', 'ConnectionError', 'DATABASE_MISSING'],
    ['throws', 'ConnectionError', 'CONNECTION_FAILED'],
    ['rejects', 'ConnectionError', 'CONNECTION_FAILED'],
    ['no server', 'ConnectionError', 'CONNECTION_FAILED'],
    ['no pool', 'InvalidOptionsError', 'INVALID_OPTIONS'],
    ['connect throws', 'ConnectionError', 'CONNECTION_FAILED'],
    ['sound too', true],
  ]);
  expect(pools).toEqual({ now: 0, most: 1, total: 1 });
  const { rows } = await pool.query('select to_regclass($1)::text as providers', ['broken.providers']);
  expect(rows).toEqual([{ providers: null }]);
});

test('a pool function that throws is reported with its reason, and its error is the cause', async () => {
  const cause = new Error('the vault is sealed.');

  const report = await bootstrapTenants([
    {
      name: 'a',
      pool() {
        throw cause;
      },
    },
  ]);

  const [tenant] = report.tenants;
  if (tenant?.status !== 'failed') expect.fail('it fails');
  expect(tenant.error).toBeInstanceOf(BootstrapError);
  expect(tenant.error.cause).toBe(cause);
  expect(tenant.error.message).toBe(
    'The function that makes the pool of this tenant threw: the vault is sealed. Fix the function, or what it depends on.',
  );
});

test('a tenant that was failed succeeds in a later run, in which the others change nothing', async () => {
  const pool = (await createDatabase()).pool();
  await pool.query('create schema a create table casbin (id serial primary key, name text)');
  const tenants = ['a', 'b'].map((schema) => ({ name: schema, schema, pool }));
  await expect(bootstrapTenants(tenants)).resolves.toMatchObject({ ok: false, succeeded: 1, failed: 1 });
  await pool.query('drop table a.casbin');

  const report = await bootstrapTenants(tenants);

  expect(report).toMatchObject({ ok: true, changed: 1 });
});

test('neither the report nor the log shows a password', async () => {
  const database = await createDatabase();
  const url = Object.assign(new URL(database.url), { pathname: '/no_such_database' });
  url.searchParams.set('application_name', 'tenants');
  const secret = url.password;
  expect(secret.length).toBeGreaterThan(3);
  const { logger, lines } = captureLog();

  const { tenants } = await bootstrapTenants(
    [{ name: 'a', pool: () => countedPool(new Census(), url.href) }],
    { logger },
  );

  const [tenant] = tenants;
  if (tenant?.status !== 'failed') expect.fail('it fails');
  expect(showsAnywhere(tenant.error, secret)).toBe(false);
  expect(JSON.stringify(lines)).not.toContain(secret);
});

test('the log has the tenant of each line, and the result of each tenant and of all', async () => {
  const pool = (await createDatabase()).pool();
  await pool.query('create schema b create table casbin (id serial primary key, name text)');
  const { logger, lines } = captureLog();

  await bootstrapTenants(
    ['a', 'b', 'c'].map((schema) => ({ name: `tenant ${schema}`, schema, pool })),
    { logger, concurrency: 1 },
  );

  expect(linesOf(lines, 'provider_seeding_complete').map(({ tenant }) => tenant)).toEqual([
    'tenant a',
    'tenant c',
  ]);
  expect(linesOf(lines, 'tenant_bootstrapped')).toMatchObject([
    { tenant: 'tenant a', changed: true, durationMs: expect.any(Number) },
    { tenant: 'tenant c', changed: true, durationMs: expect.any(Number) },
  ]);
  expect(linesOf(lines, 'tenant_failed')).toMatchObject([
    { level: ERROR, tenant: 'tenant b', code: 'TABLE_SHAPE', reason: expect.stringContaining('casbin') },
  ]);
  expect(lines.at(-1)).toMatchObject({
    event: 'tenants_completed',
    total: 3,
    succeeded: 2,
    failed: 1,
    changed: 2,
  });
  expect(lines.filter(({ tenant }) => tenant === undefined)).toHaveLength(1);
});
