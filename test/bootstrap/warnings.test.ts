import { newModelFromString } from 'casbin';
import { expect, test } from 'vitest';
import { bootstrapDatabase, createAdapter, verifyDatabase } from '../../src/index.ts';
import { modelText } from '../casbin/models.fixture.ts';
import { writeTemporary } from '../policy/temporary-file.ts';
import { problemsOf } from '../refusals/refusal.fixture.ts';
import { createDatabase } from '../support/database.ts';
import { readRules } from './database-state.fixture.ts';
import { captureLog, linesOf } from './log.fixture.ts';

const policy = { roles: { user: { permissions: { '/accounts/*': ['read'] } } } };

test('warnings about what is not proved are in the report and in the log, at each start', async () => {
  const pool = (await createDatabase()).pool();
  const model = newModelFromString(
    modelText({ m: 'g(r.sub, p.sub) && keyMatch(r.obj, p.obj) && r.act == p.act' }),
  );
  for (const changed of [true, false]) {
    const { logger, lines } = captureLog();

    const report = await bootstrapDatabase(pool, { model, policy, seeders: [], logger });

    expect(report).toMatchObject({ changed, verification: { ok: true, checks: 0 } });
    expect(report.verification.warnings).toMatchObject([{ code: 'NOTHING_VERIFIED', count: 1 }]);
    expect(linesOf(lines, 'verification_warning')).toMatchObject([
      { level: 40, code: 'NOTHING_VERIFIED', msg: report.verification.warnings[0]?.message },
    ]);
  }
  await expect(verifyDatabase(pool, { model, policy })).resolves.toMatchObject({
    warnings: [{ code: 'NOTHING_VERIFIED' }],
  });
});

test('there is no warning if nothing is verified on purpose', async () => {
  const pool = (await createDatabase()).pool();

  const { verification } = await bootstrapDatabase(pool, { policy, seeders: [], verify: false });

  expect(verification.warnings).toEqual([]);
});

test('a stored rule with too few values is in the log', async () => {
  const pool = (await createDatabase()).pool();
  await bootstrapDatabase(pool);
  await createAdapter(pool).addPolicy('p', 'p', ['user', 'accounts']);
  const rows = Array.from({ length: 30 }, (_, index) => `('p', '["user${index}"]')`);
  await pool.query(`insert into casbin (ptype, rule) values ${rows}`);
  const { logger, lines } = captureLog();

  await bootstrapDatabase(pool, { logger });

  expect(linesOf(lines, 'integrity_warning')).toHaveLength(20);
  expect(linesOf(lines, 'integrity_warning')[0]).toMatchObject({
    level: 40,
    rule: ['p', 'user', 'accounts'],
    msg: 'It has 2 values, and the model defines 3: createEnforcer refuses it. Give the model of this policy, or correct or delete the rule.',
  });
  expect(linesOf(lines, 'integrity_warnings')).toMatchObject([{ more: 11 }]);

  await pool.query(
    `delete from casbin where rule ->> 0 in (select 'user' || n from generate_series(0, 10) n)`,
  );
  const second = captureLog();
  await bootstrapDatabase(pool, { logger: second.logger });
  expect(linesOf(second.lines, 'integrity_warning')).toHaveLength(20);
  expect(linesOf(second.lines, 'integrity_warnings')).toEqual([]);
});

test('a broken hierarchy is a failure, and not among the warnings in the log', async () => {
  const pool = (await createDatabase()).pool();
  await bootstrapDatabase(pool, { policy, seeders: [] });
  await pool.query(`insert into casbin (ptype, rule) values ('g', '["a", "b"]'), ('g', '["b", "a"]')`);
  const { logger, lines } = captureLog();

  const { ok, integrity } = await verifyDatabase(pool, { policy, logger });

  expect({ ok, integrity }).toMatchObject({ ok: false, integrity: [{ severity: 'failure' }] });
  expect(linesOf(lines, 'integrity_warning')).toEqual([]);
});

test.each([
  ['an empty object', async () => ({})],
  ['an empty list of rules', async () => ({ rules: [] })],
  ['roles without permissions', async () => ({ roles: { user: {} } })],
  ['expectations alone', async () => ({ never: [['user', 'data', 'read']] })],
])('a policy without rules is refused: %s', async (_, make) => {
  expect(await problemsOf({ policy: await make() })).toEqual([
    {
      code: 'POLICY_EMPTY',
      at: 'policy',
      message:
        'the policy has no rules. Define some, or give policy: null for a database whose policy is not defined here.',
    },
  ]);
});

test.each([
  ['empty.csv', ''],
  ['comments.csv', '# p, user, data, read\n\n'],
  ['blank.json', '\n'],
  ['empty.json', '{ "rules": [] }'],
  ['blank.yaml', ''],
  ['comments.yml', '# roles:\n---\n'],
  ['empty.yaml', 'roles: {}\n'],
  ['promises.json', '{ "$schema": "x", "never": [["user", "data", "read"]] }'],
  ['nothing.json', '{}'],
])('a file without rules is refused by its place: %s', async (name, content) => {
  const file = await writeTemporary(name, content);

  const problems = await problemsOf({ policy: file });

  expect(problems).toMatchObject([{ code: 'POLICY_EMPTY', at: expect.stringContaining(`${name}:1:`) }]);
});

test('a file that can not be read is not called empty, too', async () => {
  const file = await writeTemporary('broken.csv', 'p, (user, data, read\n');

  expect(await problemsOf({ policy: file })).toMatchObject([{ code: 'POLICY_SYNTAX' }]);
});

test('with policy: null nothing is seeded, decided or called drift, and stored rules are checked', async () => {
  const pool = (await createDatabase()).pool();
  const options = { policy: null, seeders: [], verify: { strict: true } };

  const first = await bootstrapDatabase(pool, options);

  expect(first).toMatchObject({
    changed: true,
    seeders: [{ name: 'rbac', inserted: 0, existing: 0, total: 0 }],
    verification: { ok: true, checks: 0, warnings: [], coverage: { covered: 0, total: 0 } },
  });
  expect(await readRules(pool)).toEqual([]);
  await pool.query(
    `insert into casbin (ptype, rule) values ('p', '["user", "data", "read"]'), ('g', '["a", "user"]')`,
  );
  await expect(bootstrapDatabase(pool, options)).resolves.toMatchObject({
    changed: false,
    verification: { ok: true, drift: [], failures: [], warnings: [] },
  });
  await pool.query(`insert into casbin (ptype, rule) values ('g', '["user", "a"]')`);
  await expect(bootstrapDatabase(pool, options)).rejects.toMatchObject({
    code: 'VERIFICATION_FAILED',
    report: { integrity: [{ severity: 'failure' }] },
  });
});
