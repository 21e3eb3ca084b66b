import { sql } from 'kysely';
import { describe, expect, test } from 'vitest';
import { refuseForgottenPolicy } from '../../src/bootstrap/policy-missing.ts';
import { createKysely } from '../../src/database/dialect.ts';
import { withSession } from '../../src/database/session.ts';
import { inWriteTransaction } from '../../src/database/transaction.ts';
import {
  bootstrapDatabase,
  bootstrapTenants,
  defaultPolicy,
  definePolicy,
  type Migration,
  verifyDatabase,
} from '../../src/index.ts';
import { resolveOptions } from '../../src/options/resolve.ts';
import { failureOf, refusalOf } from '../refusals/refusal.fixture.ts';
import { createDatabase } from '../support/database.ts';
import { createBootstrapped } from './bootstrapped.fixture.ts';
import { readRules, untilBlocked } from './database-state.fixture.ts';
import { UNCONSTRAINED } from './stock-adapter.fixture.ts';
import { createWaitingSeeder } from './waiting-seeder.fixture.ts';

const policy = definePolicy({ roles: { clerk: { permissions: { invoices: ['read'] } } } });

const withPolicy = () => createBootstrapped({ policy, seeders: [] });

describe('a bootstrap without a policy', () => {
  test('is refused where other rules are, and writes nothing', async () => {
    const error = await refusalOf(await withPolicy());

    expect(error).toMatchObject({ name: 'DatabaseError', code: 'POLICY_MISSING' });
    expect(error.message).toContain('(for instance "p, clerk, invoices, read")');
    expect(error.message).toContain('by the policy option');
    expect(error.message).toContain('policy: defaultPolicy');
  });

  test('is refused without the end of a long rule that is there', async () => {
    const rules = [['p', 'x'.repeat(500), 'invoices', 'read']];
    const error = await refusalOf(await createBootstrapped({ policy: { rules }, seeders: [] }));
    expect(error.message).toMatch(/\(for instance "p, x{197}…"\)/);
  });

  test('is not refused, and leaves the rules as they are, if that is on purpose: policy: null', async () => {
    const database = await withPolicy();
    const before = await readRules(database.pool());
    for (const run of [bootstrapDatabase, verifyDatabase]) {
      await expect(run(database.pool(), { policy: null, seeders: [] })).resolves.toBeDefined();
    }
    expect(await readRules(database.pool())).toEqual(before);
  });

  test('is refused with three of the rules that are there, and so is a verification', async () => {
    const actions = ['read', 'write', 'print', 'send', 'void'];
    const rules = actions.map((action) => ['p', 'clerk', 'invoices', action]);
    const pool = (await createBootstrapped({ policy: { rules }, seeders: [] })).pool();
    for (const run of [bootstrapDatabase, verifyDatabase]) {
      const error = await failureOf(() => run(pool));
      expect(error).toMatchObject({ code: 'POLICY_MISSING' });
      expect(String(error).match(/"p, clerk, invoices, \w+"/g)).toHaveLength(3);
    }
  });

  test('is refused as a dry run, without verification, and with seeders of its own', async () => {
    const pool = (await withPolicy()).pool();
    for (const options of [{ dryRun: true }, { verify: false }, { seeders: [] }] as const)
      await expect(bootstrapDatabase(pool, options)).rejects.toMatchObject({ code: 'POLICY_MISSING' });
  });

  test.each<[string, string]>([
    [
      'a table of another tool',
      `${UNCONSTRAINED} insert into casbin (ptype, rule) values ('g', '["a", "b"]')`,
    ],
    ['rules that no enforcer reads', `${UNCONSTRAINED} insert into casbin (ptype, rule) values ('p', '{}')`],
    [
      'duplicates',
      `${UNCONSTRAINED} insert into casbin (ptype, rule) select 'p', '["a", "b", "c"]' from generate_series(1, 3)`,
    ],
    [
      'a default rule under another ptype',
      `${UNCONSTRAINED} insert into casbin (ptype, rule) values ('p2', '["readonly", "accounts", "read"]')`,
    ],
  ])('is refused before anything is taken over or migrated: %s', async (_, statements) => {
    const database = await createDatabase();
    await database.pool().query(statements);
    let migrated = false;
    const migration: Migration = {
      up: async () => {
        migrated = true;
      },
    };

    const error = await refusalOf(database, { migrations: { '2026_notes': migration } });

    expect(error).toMatchObject({ code: 'POLICY_MISSING' });
    expect(migrated).toBe(false);
  });

  test('is refused where another tool migrates', async () => {
    const error = await refusalOf(await withPolicy(), { migrations: false, seeders: [] });
    expect(error).toMatchObject({ code: 'POLICY_MISSING' });
  });

  test('sees the rules of its own schema only', async () => {
    const database = await withPolicy();
    const pool = database.pool();
    await expect(bootstrapDatabase(pool, { schema: 'other' })).resolves.toMatchObject({ changed: true });
    await bootstrapDatabase(pool, { schema: 'third', policy });
    expect(await refusalOf(database, { schema: 'third' })).toMatchObject({ code: 'POLICY_MISSING' });
  });

  test('decides when another instance has seeded its policy, not before', async () => {
    const database = await createDatabase();
    const pool = database.pool();
    const { seeder, begun, goOn } = createWaitingSeeder();
    const first = bootstrapDatabase(pool, { policy, seeders: [seeder] });
    await begun;
    const second = failureOf(() => bootstrapDatabase(pool));
    await untilBlocked(pool);
    goOn();

    await expect(first).resolves.toMatchObject({ changed: true });
    expect(await second).toMatchObject({ code: 'POLICY_MISSING' });
    expect(await readRules(pool)).toEqual(['p, clerk, invoices, read']);
  });

  test('is refused tenant by tenant', async () => {
    const pool = (await createDatabase()).pool();
    await bootstrapDatabase(pool, { schema: 'one', policy });
    const tenants = ['one', 'two'].map((name) => ({ name, schema: name, pool }));

    const report = await bootstrapTenants(tenants);

    expect(report.tenants).toMatchObject([
      { status: 'failed', error: { code: 'POLICY_MISSING' } },
      { status: 'bootstrapped', report: { changed: true } },
    ]);
    expect(await readRules(pool, 'one.casbin')).toEqual(['p, clerk, invoices, read']);
  });

  test('seeds the default policy into an empty table, whoever created it', async () => {
    const pool = (await createDatabase()).pool();
    await pool.query(UNCONSTRAINED);
    await expect(bootstrapDatabase(pool)).resolves.toMatchObject({ changed: true });
  });

  test('restores the default policy if a single rule of it is left, and keeps other rules', async () => {
    const pool = (await createDatabase()).pool();
    await bootstrapDatabase(pool);
    await pool.query('delete from casbin where id <> 16');
    await pool.query(`insert into casbin (ptype, rule) values ('p', '["clerk", "invoices", "read"]')`);

    const report = await bootstrapDatabase(pool);

    expect(report.seeders[0]).toMatchObject({ inserted: 15, existing: 1 });
    expect(await readRules(pool)).toContain('p, clerk, invoices, read');
  });

  test('is not refused if the default policy is given', async () => {
    const pool = (await withPolicy()).pool();
    const report = await bootstrapDatabase(pool, { policy: defaultPolicy });
    expect(report.seeders[0]).toMatchObject({ inserted: 16 });
  });
});

test('the look at the stored rules keeps no lock, which another bootstrap that alters the table would wait for', async () => {
  const pool = (await createDatabase()).pool();
  await bootstrapDatabase(pool);
  const options = await resolveOptions(pool, {});

  const locked = await withSession(pool, (session) =>
    inWriteTransaction(createKysely(session, options), async (trx) => {
      await refuseForgottenPolicy(trx, options);
      const { rows } = await sql`
        select from pg_locks where pid = pg_backend_pid() and relation = 'casbin'::regclass
      `.execute(trx);
      return rows;
    }),
  );

  expect(locked).toEqual([]);
});

describe('a verification without a policy', () => {
  test('is refused where other rules are', async () => {
    const pool = (await withPolicy()).pool();
    const error = await failureOf(() => verifyDatabase(pool));
    expect(error).toMatchObject({ code: 'POLICY_MISSING' });
    expect(error.message).toContain('"p, clerk, invoices, read"');
  });

  test('is refused where other rules are that it does not read, as they are too many', async () => {
    const pool = (await withPolicy()).pool();
    await pool.query(
      `insert into casbin (ptype, rule) select 'p', jsonb_build_array('role' || n, 'x', 'y') from generate_series(1, 2000) n`,
    );
    expect(await failureOf(() => verifyDatabase(pool))).toMatchObject({ code: 'POLICY_MISSING' });
  });

  test('is refused where there are only too many links of users, of which it reads none', async () => {
    const pool = (await createDatabase()).pool();
    await bootstrapDatabase(pool, { policy: null, seeders: [] });
    await pool.query(
      `insert into casbin (ptype, rule) select 'g', jsonb_build_array('user' || n, 'team') from generate_series(1, 2000) n`,
    );
    await expect(verifyDatabase(pool)).rejects.toMatchObject({ code: 'POLICY_MISSING' });
  });

  test('finds the default rules missing where a single one is left', async () => {
    const pool = (await createDatabase()).pool();
    await bootstrapDatabase(pool);
    await pool.query('delete from casbin where id <> 16');
    const { failures } = await verifyDatabase(pool);
    expect(failures.filter(({ kind }) => kind === 'missing-rule')).toHaveLength(15);
  });

  test('finds every default rule missing in an empty table', async () => {
    const pool = (await withPolicy()).pool();
    await pool.query('delete from casbin');
    const report = await verifyDatabase(pool);
    expect(report.ok).toBe(false);
    expect(report.failures.filter(({ kind }) => kind === 'missing-rule')).toHaveLength(16);
  });
});
