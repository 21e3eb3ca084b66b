import { sql } from 'kysely';
import type pg from 'pg';
import { describe, expect, onTestFinished, test } from 'vitest';
import { bootstrapDatabase } from '../../src/bootstrap.ts';
import { definePolicy } from '../../src/policy/definition.ts';
import { changePolicy } from '../../src/running/change-policy.ts';
import { createLiveEnforcer } from '../../src/running/create-live-enforcer.ts';
import { readJournal } from '../../src/running/journal.ts';
import type { Seeder } from '../../src/seeding/seeder.ts';
import { createAdapter } from '../../src/tables/adapter.ts';
import { rbacModel } from '../casbin/models.fixture.ts';
import { failureOf } from '../refusals/refusal.fixture.ts';
import { createDatabase } from '../support/database.ts';
import { openWire } from '../support/wire.ts';
import { storedRules } from '../tables/rule-table.fixture.ts';

const OPTIONS = {
  policy: definePolicy({ roles: { clerk: { permissions: { invoices: ['read'] } } } }),
  seeders: [],
};
const CHANGES = { assign: [['carol', 'clerk']] } as const;
const ADDED = ['g', 'carol', 'clerk'];
const MOMENTS = ['before', 'after'] as const;

/** A bootstrapped database behind a wire, with a pool on that wire that survives a cut. */
async function open() {
  const database = await createDatabase();
  const direct = database.pool();
  await bootstrapDatabase(direct, OPTIONS);
  const wire = await openWire(database.url);
  const pool = database.pool({ connectionString: wire.url });
  pool.on('error', () => {});
  onTestFinished(async () => {
    await pool.end();
    await wire[Symbol.asyncDispose]();
  });
  const connect = async () => {
    const client = await pool.connect();
    client.on('error', () => {});
    onTestFinished(() => client.release(true));
    return client;
  };
  return { direct, wire, pool, connect, stored: () => storedRules(direct, 'casbin') };
}

function change(client: pg.ClientBase) {
  return changePolicy(client, CHANGES, { ...OPTIONS, actor: 'lee' });
}

describe('a change of the policy whose connection is lost', () => {
  test.each(MOMENTS)('%s a statement is told, and nothing is changed', async (moment) => {
    const { wire, connect, stored } = await open();
    wire.cutOn(/insert into "?public/, moment);
    const error = await failureOf(async () => change(await connect()));
    expect(wire.cuts).toBe(1);
    expect(error).toMatchObject({ name: 'ConnectionError', code: 'CONNECTION_LOST' });
    expect(error.message).toMatch(
      /^The connection was lost while it was used to change the policy: .*\. Nothing was changed\. Try again/,
    );
    expect(error.cause).toBeInstanceOf(Error);
    expect(await stored()).not.toContainEqual(ADDED);
  });

  test.each(MOMENTS)(
    '%s the server knows of the commit has an unknown outcome, and can be made again',
    async (moment) => {
      const { wire, connect, stored } = await open();
      wire.cutOn(/^commit/, moment);
      const error = await failureOf(async () => change(await connect()));
      expect(wire.cuts).toBe(1);
      expect(error).toMatchObject({ name: 'ConnectionError', code: 'OUTCOME_UNKNOWN' });
      expect(error.message).toContain(
        'either all of them were, or none. Try again, which is safe in both cases.',
      );
      const wasMade = (await stored()).some((rule) => rule.join() === ADDED.join());
      expect(wasMade).toBe(moment === 'after');
      await change(await connect());
      expect(await stored()).toContainEqual(ADDED);
    },
  );

  test("is told in the caller's transaction too, with the error of the server as its cause", async () => {
    const { direct, connect, stored } = await open();
    const client = await connect();
    const { rows } = await client
      .query('begin; select pg_backend_pid() as pid')
      .then((all) => Object(all)[1]);
    await direct.query('select pg_terminate_backend($1, 10000)', [rows[0].pid]);
    const error = await failureOf(() => change(client));
    expect(error).toMatchObject({ name: 'ConnectionError', code: 'CONNECTION_LOST' });
    expect(error.message).toContain('a transaction that was open has to begin again');
    expect(await stored()).not.toContainEqual(ADDED);
  });
});

describe('an adapter whose connection is lost', () => {
  test('tells so when it reads', async () => {
    const { wire, pool } = await open();
    wire.cutOn(/^select .* from public.casbin stored/, 'before');
    const error = await failureOf(() => createAdapter(pool).loadPolicy(rbacModel()));
    expect(error).toMatchObject({ name: 'ConnectionError', code: 'CONNECTION_LOST' });
  });

  test.each(MOMENTS)('%s its only statement reached the server does not know its outcome', async (moment) => {
    const { wire, pool, stored } = await open();
    wire.cutOn(/insert into public.casbin/, moment);
    const error = await failureOf(() => createAdapter(pool).addPolicy('g', 'g', ['carol', 'clerk']));
    expect(wire.cuts).toBe(1);
    expect(error).toMatchObject({ name: 'ConnectionError', code: 'OUTCOME_UNKNOWN' });
    expect(error.message).toMatch(/^The connection was lost before the server answered: /);
    expect((await stored()).length).toBe(moment === 'after' ? 2 : 1);
  });

  test.each(MOMENTS)("%s its statement in the caller's transaction has changed nothing", async (moment) => {
    const { wire, connect, stored } = await open();
    const client = await connect();
    await client.query('begin');
    wire.cutOn(/insert into public.casbin/, moment);
    const error = await failureOf(() => createAdapter(client).addPolicy('g', 'g', ['carol', 'clerk']));
    expect(wire.cuts).toBe(1);
    expect(error).toMatchObject({ name: 'ConnectionError', code: 'CONNECTION_LOST' });
    expect(await stored()).not.toContainEqual(ADDED);
  });

  test("does not know the outcome on the caller's client without a transaction", async () => {
    const { wire, connect } = await open();
    const client = await connect();
    await client.query('begin; commit');
    wire.cutOn(/insert into public.casbin/, 'after');
    const error = await failureOf(() => createAdapter(client).addPolicy('g', 'g', ['carol', 'clerk']));
    expect(error).toMatchObject({ code: 'OUTCOME_UNKNOWN' });
  });

  test('in a bootstrap leaves nothing unknown, as that is one transaction', async () => {
    const { direct, pool, stored } = await open();
    const dying: Seeder = {
      name: 'dying',
      async seed({ db, adapter }) {
        const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(db);
        await direct.query('select pg_terminate_backend($1, 10000)', [rows[0]?.pid]);
        await adapter.addPolicy('g', 'g', ['carol', 'clerk']);
        return { inserted: 1, existing: 0 };
      },
    };
    const error = await failureOf(() => bootstrapDatabase(pool, { ...OPTIONS, seeders: [dying] }));
    expect(error).toMatchObject({ code: 'CONNECTION_LOST', cause: { code: '57P01' } });
    expect(error.message).toBe(
      'The connection was lost: Seeder "dying" failed: terminating connection due to administrator command. Nothing was changed. Run it again.',
    );
    expect(await stored()).not.toContainEqual(ADDED);
  });
});

test.each([/pg_namespace/, /casbin_bootstrap_journal/])(
  'a read of the journal tells of a lost connection: at %s',
  async (statement) => {
    const { direct, wire, pool } = await open();
    await bootstrapDatabase(direct, { ...OPTIONS, journal: true });
    wire.cutOn(statement, 'before');
    const error = await failureOf(() => readJournal(pool, { table: 'casbin' }));
    expect(wire.cuts).toBe(1);
    expect(error).toMatchObject({ name: 'ConnectionError', code: 'CONNECTION_LOST' });
  },
);

test('a live enforcer tells of a lost connection, and looks again by itself', async () => {
  const { direct, wire, pool } = await open();
  const told: Error[] = [];
  const onError = (error: Error) => told.push(error);
  const live = await createLiveEnforcer(pool, { ...OPTIONS, pollIntervalMs: 50, onError });
  wire.cutOn(/from public\.casbin stored/, 'before');
  await direct.query(`insert into casbin (ptype, rule) values ('g', '["carol", "clerk"]')`);
  await expect.poll(() => live.enforce('carol', 'invoices', 'read')).toBe(true);
  await live.close();
  expect(wire.cuts).toBe(1);
  expect(told[0]).toMatchObject({
    name: 'ConnectionError',
    code: 'CONNECTION_LOST',
    cause: expect.any(Error),
  });
  expect(told[0]?.message).toMatch(
    /^The live enforcer has lost its connection: .*\. It connects again by itself\.$/,
  );
});
