import { setImmediate } from 'node:timers/promises';
import pg from 'pg';
import { expect, test } from 'vitest';
import { bootstrapTenants, type Seeder } from '../../src/index.ts';
import { captureLog, linesOf, WARN } from '../bootstrap/log.fixture.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { Census, countedPool, meetingOf } from './pools.fixture.ts';

async function createDatabases(count: number): Promise<TestDatabase[]> {
  const databases: TestDatabase[] = [];
  while (databases.length < count) databases.push(await createDatabase());
  return databases;
}

/** Inserts nothing; `act` is called while the tenant's turn lasts. */
function seederThat(act: () => Promise<void>): Seeder {
  return {
    name: 'acting',
    async seed() {
      await act();
      return { inserted: 0, existing: 0 };
    },
  };
}

test('a database per tenant: each pool is made in its turn, and ended after it', async () => {
  const databases = await createDatabases(6);
  const pools = new Census();
  const urls = databases.map(({ url }) => url);
  // The same function makes another pool each time.
  const pool = () => countedPool(pools, urls.shift() ?? '');
  const tenants = databases.map(({ name }) => ({ name, pool }));

  const report = await bootstrapTenants(tenants, {
    concurrency: 2,
    seeders: [seederThat(meetingOf(2))],
  });

  expect(report).toMatchObject({ ok: true, total: 6, changed: 6 });
  expect(pools).toEqual({ now: 0, most: 2, total: 6 });
  for (const database of databases) {
    const { rows } = await database.pool().query('select count(*)::int as rules from casbin');
    expect(rows).toEqual([{ rules: 16 }]);
  }
});

test('the pool of a tenant that fails is ended too', async () => {
  const [database] = await createDatabases(1);
  const pools = new Census();
  const url = database?.url ?? '';

  const report = await bootstrapTenants([{ name: 'a', pool: async () => countedPool(pools, url) }], {
    seeders: [seederThat(() => Promise.reject(new Error('no room')))],
  });

  expect(report.tenants).toMatchObject([{ status: 'failed', error: { code: 'SEEDER_FAILED' } }]);
  expect(pools).toEqual({ now: 0, most: 1, total: 1 });
});

test('a tenant is told as bootstrapped once its pool has ended', async () => {
  const [database] = await createDatabases(1);
  const events: unknown[] = [];
  const inner = database?.pool();
  const pool = () => ({
    connect: async () => inner?.connect() ?? expect.fail('there is a database'),
    async end() {
      await setImmediate();
      events.push('ended');
    },
  });
  const info = ({ event }: { event: string }) => void events.push(event);

  await bootstrapTenants([{ name: 'a', pool }], { logger: { debug() {}, info, warn() {} } });

  expect(events.slice(-3)).toEqual(['ended', 'tenant_bootstrapped', 'tenants_completed']);
});

test('a pool that is given stays open', async () => {
  const [database] = await createDatabases(1);
  const pool = database?.pool();
  if (pool === undefined) expect.fail('there is a database');

  await bootstrapTenants([{ name: 'a', pool }]);

  await expect(pool.query('select 1')).resolves.toBeDefined();
});

test('a pool that does not end is logged, and makes no failure of a tenant that is bootstrapped', async () => {
  const [database] = await createDatabases(1);
  const pool = database?.pool();
  if (pool === undefined) expect.fail('there is a database');
  const endless = { connect: () => pool.connect() };
  const stubborn = { ...endless, end: () => Promise.reject(new Error('not now')) };
  const { logger, lines } = captureLog();

  const report = await bootstrapTenants(
    [
      { name: 'a', pool: () => stubborn },
      { name: 'b', schema: 'b', pool: () => endless },
    ],
    { logger },
  );

  expect(report).toMatchObject({ ok: true, changed: 2 });
  expect(linesOf(lines, 'tenant_pool_not_ended')).toMatchObject([
    { level: WARN, tenant: 'a', reason: 'not now' },
  ]);
});

test('an idle client that the server ends before the pool is ended does not affect a tenant that is done', async () => {
  const [database] = await createDatabases(1);
  const { logger, lines } = captureLog();
  function pool() {
    const made = new pg.Pool({ connectionString: database?.url });
    const end = made.end.bind(made);
    // pg emits it for the pool; an event of that name that nobody listens to is thrown.
    made.end = async () => {
      made.emit('error', new Error('terminating connection'), Object(null));
      await end();
    };
    return made;
  }

  await expect(bootstrapTenants([{ name: 'a', pool }], { logger })).resolves.toMatchObject({ ok: true });
  expect(linesOf(lines, 'tenant_pool_not_ended')).toEqual([]);
});
