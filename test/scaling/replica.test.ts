import { sql } from 'kysely';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  type BootstrapOptions,
  bootstrapDatabase,
  createAdapter,
  createEnforcer,
  definePolicy,
  type Seeder,
  type SeederContext,
  verifyDatabase,
} from '../../src/index.ts';
import { captureLog, linesOf } from '../bootstrap/log.fixture.ts';
import { policyOfManyRules } from '../bootstrap/many-rules.fixture.ts';
import { PoolWatch } from '../support/pool-watch.ts';
import { type Server, startServer } from '../support/server.ts';
import { caughtUp, startStandby } from '../support/standby.ts';
import { openWire } from '../support/wire.ts';

let primary: Server;
let replica: Server;
let writer: pg.Pool;
let reader: pg.Pool;

beforeAll(async () => {
  // So that a query on the replica that stands in the way of what the primary did is ended at once.
  primary = await startServer({ settings: { max_standby_streaming_delay: 0 } });
  replica = await startStandby(primary, { streaming: true });
  writer = new PoolWatch({ connectionString: primary.url(), max: 1 }).pool;
  reader = new PoolWatch({ connectionString: replica.url(), max: 1 }).pool;
  // The replica ends idle connections too, and without a listener that would end the process.
});

beforeEach(async () => {
  await writer.query('drop schema public cascade; create schema public');
  await caughtUp(primary, replica);
});

afterAll(async () => {
  await Promise.all([writer?.end(), reader?.end()]);
  await replica?.stop();
  await primary?.stop();
});

async function bootstrapPrimary(options: BootstrapOptions = {}) {
  await bootstrapDatabase(writer, options);
  await caughtUp(primary, replica);
}

const SAYS_WHERE_TO_RUN = {
  code: 'READ_ONLY_DATABASE',
  message: expect.stringMatching(
    /^Changes are needed, but this server is a standby, which only reads: .*Run the bootstrap on the primary once; then it works here too\.$/,
  ),
};

describe('a streaming replica', () => {
  test('follows the primary: from nothing there to nothing to do', async () => {
    await expect(bootstrapDatabase(reader)).rejects.toMatchObject(SAYS_WHERE_TO_RUN);
    await expect(verifyDatabase(reader)).rejects.toMatchObject({ code: 'TABLE_MISSING' });

    await bootstrapPrimary();

    await expect(bootstrapDatabase(reader)).resolves.toMatchObject({
      changed: false,
      verification: { ok: true, checks: 56 },
    });
    await expect(verifyDatabase(reader)).resolves.toMatchObject({ ok: true, checks: 56, drift: [] });
  });

  test.each([{}, { table: 'casbin_rule' }])(
    'is asked in one round trip when nothing is to do: %o',
    async (options) => {
      await bootstrapPrimary(options);
      await using wire = await openWire(replica.url());
      const pool = new PoolWatch({ connectionString: wire.url, max: 1 }).pool;

      await expect(bootstrapDatabase(pool, options)).resolves.toMatchObject({ changed: false });

      expect(wire.roundTrips).toBe(1);
      await pool.end();
    },
  );

  test('verifies and loads a policy that is read in portions', async () => {
    const options = { policy: policyOfManyRules(), seeders: [] };
    await bootstrapDatabase(writer, options);
    await caughtUp(primary, replica);

    await expect(bootstrapDatabase(reader, options)).resolves.toMatchObject({ changed: false });
    await expect(verifyDatabase(reader, options)).resolves.toMatchObject({ ok: true, allowed: 12_000 });
    const enforcer = await createEnforcer(reader);
    expect(await enforcer.getPolicy()).toHaveLength(12_000);
  });

  test('says where to run the bootstrap of a newer release, and starts after it was run there', async () => {
    await bootstrapPrimary();
    const policy = definePolicy({ roles: { auditor: { permissions: { ledger: ['read'] } } } });

    await expect(bootstrapDatabase(reader, { policy })).rejects.toMatchObject(SAYS_WHERE_TO_RUN);
    await bootstrapDatabase(writer, { policy });
    await caughtUp(primary, replica);

    await expect(bootstrapDatabase(reader, { policy })).resolves.toMatchObject({ changed: false });
  });

  test('gives an enforcer, which can only read', async () => {
    await bootstrapPrimary();

    const enforcer = await createEnforcer(reader);

    expect(await enforcer.enforce('admin', 'accounts', 'read')).toBe(true);
    expect(await enforcer.enforce('readonly', 'accounts', 'write')).toBe(false);
    await expect(enforcer.addPolicy('bob', 'ledger', 'read')).rejects.toMatchObject({
      code: 'READ_ONLY_DATABASE',
      cause: { code: '25006' },
    });
  });

  test('shows as drift what was granted on the primary, until it is revoked', async () => {
    await bootstrapPrimary();
    const adapter = createAdapter(writer);
    const grant = ['readonly', 'accounts', 'write'];

    await adapter.addPolicy('p', 'p', grant);
    await caughtUp(primary, replica);
    await expect(verifyDatabase(reader)).resolves.toMatchObject({
      ok: true,
      drift: [{ request: grant, expected: 'deny', actual: 'allow' }],
    });
    await expect(bootstrapDatabase(reader, { verify: { strict: true } })).rejects.toMatchObject({
      code: 'VERIFICATION_FAILED',
    });

    await adapter.removePolicy('p', 'p', grant);
    await caughtUp(primary, replica);
    await expect(verifyDatabase(reader)).resolves.toMatchObject({ ok: true, drift: [] });
  });

  test('whose look is ended because of a change of the primary (40001) looks again', async () => {
    await bootstrapPrimary();

    await expectSecondLook(async ({ db }) => {
      // It holds a lock on the table, which the replay of the primary's change needs.
      const sleeping = sql`select pg_sleep(60) from casbin limit 1`.execute(db);
      await Promise.all([sleeping, untilSleeping().then(alterOnPrimary)]);
    });
  });

  test('whose connection is ended between two statements because of a change of the primary looks again', async () => {
    await bootstrapPrimary();

    await expectSecondLook(async ({ db }) => {
      await db.selectFrom('casbin').selectAll().execute();
      await alterOnPrimary();
      await caughtUp(primary, replica);
      await db.selectFrom('casbin').selectAll().execute();
    });
  });
});

/** Bootstraps on the replica, with something going on in the midst of the first look. */
async function expectSecondLook(disturb: (context: SeederContext) => Promise<unknown>) {
  const { logger, lines } = captureLog();
  let looks = 0;
  const disturbed: Seeder = {
    name: 'disturbed',
    async isSeeded(context) {
      looks += 1;
      if (looks === 1) await disturb(context);
      return true;
    },
    seed: () => Promise.reject(new Error('there is nothing to seed')),
  };

  await expect(bootstrapDatabase(reader, { seeders: [disturbed], logger })).resolves.toMatchObject({
    changed: false,
  });

  // On a busy machine the replay may end a second look too.
  expect(looks).toBeGreaterThan(1);
  const codes = linesOf(lines, 'conflict_retried').map(({ code }) => code);
  expect(codes).toEqual(Array(looks - 1).fill('40001'));
}

async function alterOnPrimary() {
  await writer.query('alter table casbin add column note text');
}

async function untilSleeping() {
  const observer = new pg.Client(replica.url());
  await observer.connect();
  const isSleeping = `select from pg_stat_activity where wait_event = 'PgSleep'`;
  while ((await observer.query(isSleeping)).rows.length === 0);
  await observer.end();
}
