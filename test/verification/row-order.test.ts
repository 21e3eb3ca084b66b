import { newModelFromString } from 'casbin';
import type pg from 'pg';
import { describe, expect, test } from 'vitest';
import { bootstrapDatabase, definePolicy, VerificationError, verifyDatabase } from '../../src/index.ts';
import { readRules } from '../bootstrap/database-state.fixture.ts';
import { modelText } from '../casbin/models.fixture.ts';
import { createDatabase } from '../support/database.ts';
import { rule } from './verify.fixture.ts';

const ALLOW = 'p, user, data, read, allow';
const DENY = 'p, user, data, read, deny';

function options(...lines: readonly string[]) {
  const text = modelText({ p: 'sub, obj, act, eft', e: 'priority(p.eft) || deny' });
  return { model: newModelFromString(text), policy: definePolicy({ rules: lines.map(rule) }), seeders: [] };
}

test('if the first row decides, a rule that would come too late is refused', async () => {
  const pool = (await createDatabase()).pool();
  await bootstrapDatabase(pool, options(ALLOW));

  await expect(bootstrapDatabase(pool, options(DENY, ALLOW))).rejects.toMatchObject({
    code: 'VERIFICATION_FAILED',
    report: {
      failures: [{ kind: 'decision', request: ['user', 'data', 'read'], expected: 'deny', actual: 'allow' }],
      integrity: [{ severity: 'warning' }],
    },
  });

  expect(await readRules(pool)).toEqual([ALLOW]);
});

test('a rule that changes no decision may be appended', async () => {
  const pool = (await createDatabase()).pool();
  await bootstrapDatabase(pool, options(ALLOW));

  const { verification } = await bootstrapDatabase(pool, options(ALLOW, 'p, admin, data, read, allow'));

  expect(verification).toMatchObject({ ok: true, drift: [], integrity: [{ severity: 'warning' }] });
});

test('what an administrator has put before it is drift, and stays', async () => {
  const pool = (await createDatabase()).pool();
  await bootstrapDatabase(pool, options('p, admin, data, read, allow'));
  await pool.query(`insert into casbin (ptype, rule) values ('p', '["user", "data", "read", "deny"]')`);

  const { verification } = await bootstrapDatabase(pool, options('p, admin, data, read, allow', ALLOW));

  expect(verification).toMatchObject({
    ok: true,
    drift: [{ request: ['user', 'data', 'read'], expected: 'allow', actual: 'deny', added: [rule(DENY)] }],
  });
});

/** The report of a bootstrap that verification has stopped. */
async function failedReport(pool: pg.Pool, options: Parameters<typeof bootstrapDatabase>[1]) {
  const error: unknown = await bootstrapDatabase(pool, options).catch((thrown: unknown) => thrown);
  if (!(error instanceof VerificationError))
    throw new Error('a VerificationError was expected', { cause: error });
  return { report: error.report, message: error.message };
}

describe('where the order of the rows decides otherwise than defined', () => {
  test('a new rule before others is reported with its order, and the offered statements fix it', async () => {
    const pool = (await createDatabase()).pool();
    await bootstrapDatabase(pool, options(ALLOW));

    const { report, message } = await failedReport(pool, options(DENY, ALLOW));

    const why = `the order of the rows decides: "${ALLOW}" (row 1) is stored before "${DENY}", which is defined before it`;
    expect(report.failures[0]?.reason).toContain(why);
    expect(report.failures[0]?.message).toContain(`; ${why}.`);
    expect(report.rowOrder).toEqual({
      advice:
        'The order of the rows decides, and a rule that is inserted later is stored last. These statements put the defined rules in the order in which they are defined, and move nothing else. Or give the policy definition of the model a field called priority.',
      statements: [
        'begin;',
        `delete from public.casbin where (ptype, rule) in (('p', '["user","data","read","deny"]'::jsonb), ('p', '["user","data","read","allow"]'::jsonb));`,
        `insert into public.casbin (ptype, rule) values ('p', '["user","data","read","deny"]'::jsonb), ('p', '["user","data","read","allow"]'::jsonb);`,
        'commit;',
      ],
    });
    expect(message).toContain(report.rowOrder?.statements.join('\n'));
  });

  test.each(['new', 'deleted'])(
    'the statements work for a rule that is %s, whatever it holds',
    async (kind) => {
      const pool = (await createDatabase()).pool();
      const odd = [`it's`, `a "quoted" \\ one`, 'read'];
      const deny = ['p', ...odd, 'deny'];
      const lines = [
        ['p', 'first', 'data', 'read', 'allow'],
        deny,
        ['p', ...odd, 'allow'],
        ['p', 'z', 'z', 'z', 'allow'],
      ];
      const schema = 'Our "own"';
      const all = { ...options(), schema, policy: { rules: lines } };
      const before = kind === 'new' ? lines.toSpliced(1, 1) : lines;
      await bootstrapDatabase(pool, { ...all, policy: { rules: before } });
      const table = '"Our ""own""".casbin';
      await pool.query(`delete from ${table} where rule ->> 3 = 'deny'`);

      const { report } = await failedReport(pool, all);

      expect(report.rowOrder?.statements).toHaveLength(4);
      await pool.query(report.rowOrder?.statements.join('\n') ?? '');
      const { verification } = await bootstrapDatabase(pool, all);
      expect(verification).toMatchObject({ ok: true, rowOrder: null, drift: [] });
      expect(await readRules(pool, table)).toEqual(lines.map((values) => values.join(', ')));
    },
  );

  test('rows that are not defined keep their places before those that move', async () => {
    const pool = (await createDatabase()).pool();
    await bootstrapDatabase(pool, options('p, one, data, read, allow'));
    await pool.query(`insert into casbin (ptype, rule) values ('p', '["x", "data", "read", "deny"]')`);
    await bootstrapDatabase(pool, options('p, one, data, read, allow', ALLOW));
    const all = options('p, one, data, read, allow', DENY, ALLOW);

    const { report } = await failedReport(pool, all);

    await pool.query(report.rowOrder?.statements.join('\n') ?? '');
    await expect(bootstrapDatabase(pool, all)).resolves.toMatchObject({ verification: { ok: true } });
    expect(await readRules(pool)).toEqual([
      'p, one, data, read, allow',
      'p, x, data, read, deny',
      DENY,
      ALLOW,
    ]);
  });

  test.each([1, 20, 21, 1_200])(
    'no statements are offered that would move defined rules behind %i others',
    async (others) => {
      const pool = (await createDatabase()).pool();
      await bootstrapDatabase(pool, options(ALLOW));
      // The order of rules of another ptype does not matter.
      await pool.query(`insert into casbin (ptype, rule) values ('g', '["bob", "user"]')`);
      await pool.query(
        `insert into casbin (ptype, rule) select 'p', jsonb_build_array('x' || n, 'data', 'read', 'deny') from generate_series(1, ${others}) n`,
      );

      const { report, message } = await failedReport(pool, options(DENY, ALLOW));

      expect(report.rowOrder?.statements).toEqual([]);
      const ids = Array.from({ length: Math.min(others, 20) }, (_, n) => n + 3).join(', ');
      expect(report.rowOrder?.advice).toContain(
        `behind rules that are not defined (id ${ids}${others > 20 ? ' and more' : ''})`,
      );
      expect(message).toContain(report.rowOrder?.advice);
    },
  );

  test('no statements are offered that would move more than a thousand rows', async () => {
    const pool = (await createDatabase()).pool();
    const many = Array.from({ length: 999 }, (_, n) => `p, x${n}, data, read, allow`);
    await bootstrapDatabase(pool, options(...many, ALLOW));

    const { report } = await failedReport(pool, options(DENY, ALLOW, ...many));

    expect(report.rowOrder?.statements).toEqual([]);
    expect(report.rowOrder?.advice).toContain('(1001 rows would have to move)');
  });

  test('it is reported also for rules with the same priority, without advising a priority field', async () => {
    const pool = (await createDatabase()).pool();
    const text = modelText({ p: 'priority, sub, obj, act, eft', e: 'priority(p.eft) || deny' });
    const rules = ['p, 1, user, data, read, deny', 'p, 1, user, data, read, allow'].map(rule);
    const given = { model: newModelFromString(text), policy: { rules }, seeders: [] };
    await bootstrapDatabase(pool, given);
    await pool.query('delete from casbin where id = 1');

    const { report } = await failedReport(pool, given);

    expect(report.failures[0]?.reason).toContain('the order of the rows decides');
    expect(report.rowOrder?.advice).not.toContain('a field called priority');
    await pool.query(report.rowOrder?.statements.join('\n') ?? '');
    await expect(bootstrapDatabase(pool, given)).resolves.toMatchObject({ verification: { ok: true } });
  });

  test.each([
    ['a rule', ['p, y, data, read, deny', 'p, z, data, read, allow', 'g, u, z', 'g, u, y']],
    [
      'a role link',
      [
        'g, x, root',
        'p, y, data, read, deny',
        'p, x, data, read, allow',
        'g, mid, root',
        'g, y, root',
        'g, x, mid',
        'g, u, y',
        'g, u, x',
      ],
    ],
  ])('it is told by subjects, where %s was deleted', async (_, lines) => {
    const pool = (await createDatabase()).pool();
    const text = modelText({ p: 'sub, obj, act, eft', e: 'subjectPriority(p.eft) || deny' });
    const given = { model: newModelFromString(text), policy: { rules: lines.map(rule) }, seeders: [] };
    await bootstrapDatabase(pool, given);
    await pool.query('delete from casbin where id = 1');

    const { report } = await failedReport(pool, given);

    expect(report.failures[0]?.reason).toContain('the order of the rows decides');
    await pool.query(report.rowOrder?.statements.join('\n') ?? '');
    await expect(bootstrapDatabase(pool, given)).resolves.toMatchObject({ verification: { ok: true } });
  });

  test('it is reported for a violated never, and by verifyDatabase too', async () => {
    const pool = (await createDatabase()).pool();
    const given = options(DENY, ALLOW);
    await bootstrapDatabase(pool, given);
    await pool.query(`update casbin set id = 7 where id = 1`);
    const policy = { ...given.policy, never: [['user', 'data', 'read']] };

    const report = await verifyDatabase(pool, { ...given, policy });

    expect(report.failures).toMatchObject([
      { kind: 'never', reason: expect.stringContaining('the order of the rows decides') },
    ]);
    expect(report.rowOrder?.statements).toHaveLength(4);
  });
});

test('the order is not reported as the cause when a rule is missing or was added', async () => {
  const pool = (await createDatabase()).pool();
  const given = options('p, admin, data, read, allow', DENY);
  const policy = { ...given.policy, never: [['user', 'data', 'read']] };
  await bootstrapDatabase(pool, { ...given, policy });
  await pool.query(
    `insert into casbin (id, ptype, rule) values (0, 'p', '["user", "data", "read", "allow"]')`,
  );

  const added = await verifyDatabase(pool, { ...given, policy });
  await pool.query('delete from casbin where id > 1');
  const missing = await verifyDatabase(pool, { ...given, policy });

  expect(added).toMatchObject({ ok: false, rowOrder: null, failures: [{ kind: 'never' }] });
  expect(missing).toMatchObject({ ok: false, rowOrder: null });
});

test('the order is reported only for failures that it causes, and only if no rule is missing', async () => {
  const pool = (await createDatabase()).pool();
  const given = options(DENY, ALLOW, 'p, z, z, z, allow');
  const policy = { ...given.policy, never: [['user', 'logs', 'read']] };
  await bootstrapDatabase(pool, { ...given, policy });
  await pool.query('update casbin set id = 7 where id = 1');
  await pool.query(
    `insert into casbin (id, ptype, rule) values (0, 'p', '["user", "logs", "read", "allow"]')`,
  );

  const both = await verifyDatabase(pool, { ...given, policy });
  await pool.query(`delete from casbin where rule ->> 0 = 'z'`);
  const missing = await verifyDatabase(pool, { ...given, policy });

  expect(
    both.failures.map(({ request, reason }) => [request[1], reason.includes('order of the rows')]),
  ).toEqual([
    ['data', true],
    ['logs', false],
  ]);
  expect(missing.failures.map(({ kind }) => kind)).toEqual(['missing-rule', 'decision', 'decision', 'never']);
  expect(missing.rowOrder).toBeNull();
});
