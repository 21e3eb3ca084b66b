import { describe, expect, test } from 'vitest';
import { bootstrapDatabase, type Seeder, type VerificationError, verifyDatabase } from '../../src/index.ts';
import { createBootstrapped } from '../bootstrap/bootstrapped.fixture.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';

async function bootstrapped(): Promise<TestDatabase> {
  const database = await createBootstrapped();
  return database;
}

async function change(database: TestDatabase, sql: string): Promise<void> {
  await database.pool().query(sql);
}

test('the default policy gives 56 decisions, 26 of which allow', async () => {
  const database = await bootstrapped();

  const report = await verifyDatabase(database.pool());

  expect(report).toMatchObject({ ok: true, checks: 56, allowed: 26, failures: [], drift: [], integrity: [] });
});

test('of an empty table, 4 decisions of readonly fail, 8 of user, 14 of admin and none without a role', async () => {
  const database = await bootstrapped();
  await change(database, 'truncate casbin');

  const { failures } = await verifyDatabase(database.pool());

  expect(failures.filter(({ kind }) => kind === 'missing-rule')).toHaveLength(16);
  const denied = failures.filter(({ kind }) => kind === 'decision').map(({ request }) => request[0]);
  const counts = new Map(
    [...new Set(denied)].map((role) => [role, denied.filter((of) => of === role).length]),
  );
  expect(Object.fromEntries(counts)).toEqual({ readonly: 4, user: 8, admin: 14 });
});

describe('after a rule was deleted', () => {
  test('the missing rule and each request that is denied for it are listed', async () => {
    const database = await bootstrapped();
    await change(database, `delete from casbin where rule = '["user", "readonly"]'`);

    const report = await verifyDatabase(database.pool());

    expect(report.ok).toBe(false);
    const [missing, ...denied] = report.failures;
    expect(missing).toMatchObject({ kind: 'missing-rule', rule: ['g', 'user', 'readonly'] });
    expect(
      denied.map(({ kind, request, expected, actual }) => [kind, request.join(' '), expected, actual]),
    ).toEqual(
      ['user', 'admin'].flatMap((role) =>
        ['accounts', 'transactions', 'providers', 'sessions'].map((resource) => [
          'decision',
          `${role} ${resource} read`,
          'allow',
          'deny',
        ]),
      ),
    );
  });

  test('the error of a bootstrap shows each failing request, what was expected and what came', async () => {
    const database = await bootstrapped();
    const saboteur: Seeder = {
      name: 'saboteur',
      async seed({ db }) {
        await db.deleteFrom('casbin').where('id', '=', 1).execute();
        return { inserted: 0, existing: 0 };
      },
    };

    const error: VerificationError = await bootstrapDatabase(database.pool(), {
      seeders: [saboteur],
    }).then(
      () => expect.fail('it must fail'),
      (reason) => reason,
    );

    expect(error).toMatchObject({ name: 'VerificationError', code: 'VERIFICATION_FAILED' });
    expect(error.message).toMatch(/^The stored policy does not do what is defined\. Nothing was changed\.\n/);
    expect(error.report.failures).toHaveLength(4);
    for (const role of ['readonly', 'user', 'admin']) {
      expect(error.message).toMatch(new RegExp(`${role}.*accounts.*read.*allow.*deny`));
    }
  });
});

describe('a grant that somebody added', () => {
  const GRANT = `insert into casbin (ptype, rule) values ('p', '["user", "users", "read"]')`;

  test('is drift, and does not fail', async () => {
    const database = await bootstrapped();
    await change(database, GRANT);

    const report = await verifyDatabase(database.pool());

    expect(report).toMatchObject({ ok: true, failures: [] });
    expect(report.drift.map(({ request, expected, actual }) => [request, expected, actual])).toEqual([
      [['user', 'users', 'read'], 'deny', 'allow'],
    ]);
    await expect(bootstrapDatabase(database.pool())).resolves.toMatchObject({ changed: false });
  });

  test('fails under strict', async () => {
    const database = await bootstrapped();
    await change(database, GRANT);

    await expect(verifyDatabase(database.pool(), { verify: { strict: true } })).resolves.toMatchObject({
      ok: false,
      failures: [{ kind: 'drift', request: ['user', 'users', 'read'] }],
    });
    await expect(bootstrapDatabase(database.pool(), { verify: { strict: true } })).rejects.toMatchObject({
      code: 'VERIFICATION_FAILED',
      message: expect.stringMatching(/\n\nDefine what is not defined, or revoke it .*\.$/),
    });
  });

  test('to a user is no drift: users are not in the definition', async () => {
    const database = await bootstrapped();
    await change(database, `insert into casbin (ptype, rule) values ('g', '["alice", "admin"]')`);

    await expect(verifyDatabase(database.pool(), { verify: { strict: true } })).resolves.toMatchObject({
      ok: true,
      drift: [],
    });
  });
});

test('verify: false verifies nothing', async () => {
  const database = await createDatabase();

  await expect(bootstrapDatabase(database.pool(), { verify: false })).resolves.toMatchObject({
    verification: { ok: true, checks: 0 },
  });
});
