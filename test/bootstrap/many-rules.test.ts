import { expect, onTestFinished, test, vi } from 'vitest';
import { bootstrapDatabase, type Progress, verifyDatabase } from '../../src/index.ts';
import { NO_ROLE } from '../../src/verification/requests.ts';
import { createDatabase } from '../support/database.ts';
import { policyOfManyRules } from './many-rules.fixture.ts';

const ROLES = 100;
const RULES = 25_000;
const rules = [
  ...Array.from({ length: RULES }, (_, index) => ['p', `role${index % ROLES}`, `data${index}`, 'read']),
  ['g', 'role1', 'role0'],
];
const options = { policy: { rules }, seeders: [] };
/** Every role, and nobody's, on every permission. */
const CHECKS = (ROLES + 1) * RULES;
/** Each rule allows one; role1 has what role0 has. */
const ALLOWED = RULES + RULES / ROLES;

test('a policy of many rules and roles is seeded, verified in full, and found again', async () => {
  const pool = (await createDatabase()).pool({ max: 1 });

  const first = await bootstrapDatabase(pool, options);
  expect(first.seeders).toMatchObject([{ name: 'rbac', inserted: RULES + 1, existing: 0 }]);
  expect(first.verification).toMatchObject({ ok: true, checks: CHECKS, allowed: ALLOWED, drift: [] });
  expect(first.verification.coverage).toEqual({ covered: RULES + 1, total: RULES + 1, uncovered: [] });

  const second = await bootstrapDatabase(pool, options);
  expect(second).toMatchObject({
    changed: false,
    verification: { ok: true, checks: CHECKS, allowed: ALLOWED },
  });
  const { rows } = await pool.query('select min(id)::int as first, max(id)::int as last from casbin');
  expect(rows).toEqual([{ first: 1, last: RULES + 1 }]);
});

test('of millions of requests, those that an administrator has changed are found', async () => {
  const pool = (await createDatabase()).pool({ max: 1 });
  await bootstrapDatabase(pool, options);
  await pool.query(
    `insert into casbin (ptype, rule) values
       ('p', '["role7", "data12345", "read"]'), ('p', '["${NO_ROLE}", "data9", "read"]'),
       ('g', '["role3", "role2"]'), ('g', '["somebody", "role5"]')`,
  );

  const { ok, failures, drift } = await verifyDatabase(pool, options);

  expect({ ok, failures }).toEqual({ ok: true, failures: [] });
  const requests = drift.map(({ request }) => request.join(' '));
  expect(requests).toContain('role7 data12345 read');
  expect(requests).toContain(`${NO_ROLE} data9 read`);
  expect(requests.filter((request) => request.startsWith('role3 '))).toHaveLength(RULES / ROLES);
  expect(requests).toHaveLength(2 + RULES / ROLES);
});

test('of many rules, those that are missing are put back, and fail a verification', async () => {
  const pool = (await createDatabase()).pool({ max: 1 });
  await bootstrapDatabase(pool, options);
  await pool.query(`delete from casbin where rule ->> 1 in ('data77', 'data24999')`);

  const { ok, failures } = await verifyDatabase(pool, options);
  expect(ok).toBe(false);
  expect(failures.map(({ kind, request, rule }) => [kind, ...(rule ?? request)].join(' '))).toEqual([
    'missing-rule p role77 data77 read',
    'missing-rule p role99 data24999 read',
    'decision role77 data77 read',
    'decision role99 data24999 read',
  ]);

  const report = await bootstrapDatabase(pool, options);
  expect(report.seeders).toMatchObject([{ name: 'rbac', inserted: 2, existing: RULES - 1 }]);
  expect(report.verification.ok).toBe(true);
});

test('with many rules, a rule that is stored twice and a new version are something to do', async () => {
  const pool = (await createDatabase()).pool({ max: 1 });
  const table = { name: 'casbin_rule', duplicates: 'remove' } as const;
  const bootstrap = (version: number) =>
    bootstrapDatabase(pool, {
      policy: { ...policyOfManyRules(10_001), version },
      seeders: [],
      verify: false,
      table,
    });
  await bootstrap(1);
  await pool.query(
    `insert into casbin_rule (ptype, v0, v1, v2) select ptype, v0, v1, v2 from casbin_rule limit 1`,
  );

  expect(await bootstrap(1)).toMatchObject({ changed: true, takeover: { duplicatesRemoved: 1 } });
  expect(await bootstrap(1)).toMatchObject({ changed: false });
  expect(await bootstrap(2)).toMatchObject({ changed: true, ownership: { before: 1 } });
  expect(await bootstrap(2)).toMatchObject({ changed: false, ownership: { before: 2 } });
});

test('every row without a rule is named, at any place among many', async () => {
  const pool = (await createDatabase()).pool({ max: 1 });
  await bootstrapDatabase(pool, options);
  await pool.query(`update casbin set rule = to_jsonb(id) where id in (5, 24000)`);

  await expect(verifyDatabase(pool, options)).rejects.toMatchObject({
    code: 'STORED_RULE_INVALID',
    ids: [5, 24_000],
  });
});

test('a bootstrap of many rules reports its progress, step by step', async () => {
  const pool = (await createDatabase()).pool({ max: 1 });
  await bootstrapDatabase(pool, options);
  await pool.query(
    `delete from casbin where id > 100; insert into casbin (ptype, rule) values ('p', '["role7", "data12345", "read"]')`,
  );
  // A clock by which everything takes long: what takes less than half a second is not told of.
  let time = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => (time += 1_000));
  onTestFinished(() => void vi.restoreAllMocks());
  const told: Progress[] = [];

  await bootstrapDatabase(pool, { ...options, onProgress: (progress) => told.push(progress) });

  for (const step of ['check', 'read', 'seed', 'verify']) {
    const own = told.filter((progress) => progress.step === step);
    const done = own.map((progress) => progress.done);
    expect(own.length, step).toBeGreaterThan(1);
    expect(own.at(-1)?.total, step).toBe(own.at(-1)?.done);
    // The table is read before and after.
    if (step !== 'read') expect(done, step).toEqual(done.toSorted((one, other) => one - other));
  }
  // The definition is decided while the server works.
  const steps = told.map(({ step }) => step);
  expect(steps.indexOf('check')).toBeLessThan(steps.lastIndexOf('seed'));
});
