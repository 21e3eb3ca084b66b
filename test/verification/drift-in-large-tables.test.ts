import { newModelFromString } from 'casbin';
import type pg from 'pg';
import { expect, test } from 'vitest';
import { bootstrapDatabase, definePolicy, verifyDatabase } from '../../src/index.ts';
import { modelText } from '../casbin/models.fixture.ts';
import { createDatabase } from '../support/database.ts';
import { rule } from './verify.fixture.ts';

/** More rules than a bootstrap would read all of. */
const MANY = 1_500;

const policy = definePolicy({ roles: { viewer: { permissions: { invoices: ['read'] } } } });
const options = { policy, seeders: [] };

/** A database with the policy, many users of a role, and what the lines say. */
async function largeTable(...lines: readonly string[]): Promise<pg.Pool> {
  const pool = (await createDatabase()).pool();
  await bootstrapDatabase(pool, options);
  await pool.query(
    `insert into casbin (ptype, rule)
     select 'g', jsonb_build_array('user' || n, 'viewer') from generate_series(1, $1::int) n`,
    [MANY],
  );
  for (const [ptype, ...values] of lines.map((line) => line.split(', '))) {
    await pool.query('insert into casbin (ptype, rule) values ($1, $2)', [ptype, JSON.stringify(values)]);
  }
  return pool;
}

test('a report says which part of a large table it is about', async () => {
  const pool = await largeTable('p, clerk, invoices, write', 'g, eve, clerk');

  const { verification } = await bootstrapDatabase(pool, options);
  const full = await verifyDatabase(pool, { ...options, verify: { full: true } });

  expect(verification).toMatchObject({ ok: true, drift: [], scope: { kind: 'part', rules: 1 } });
  expect(full).toMatchObject({
    ok: true,
    scope: { kind: 'whole', rules: MANY + 3 },
    drift: [{ rule: ['p', 'clerk', 'invoices', 'write'], holders: { names: ['eve'], count: 1 } }],
  });
});

test('strict is true of the whole table, however large', async () => {
  const pool = await largeTable('p, clerk, invoices, write', 'g, eve, clerk');
  const strict = { ...options, verify: { strict: true } };

  await expect(bootstrapDatabase(pool, strict)).rejects.toMatchObject({
    code: 'VERIFICATION_FAILED',
    message: expect.stringMatching(/Define what is not defined, or revoke it .* Without strict/),
    report: {
      scope: { kind: 'whole' },
      failures: [{ kind: 'drift', rule: ['p', 'clerk', 'invoices', 'write'] }],
    },
  });
  await pool.query(`delete from casbin where rule ->> 0 = 'clerk'`);
  expect((await bootstrapDatabase(pool, strict)).verification.ok).toBe(true);
});

test('the holders of a role with added rules are read from the database if only a part was read', async () => {
  const pool = await largeTable(
    'p, viewer, invoices, write',
    'g, viewer, boss',
    'g, team, viewer',
    'g, zoe, team',
  );

  const { drift, scope } = (await bootstrapDatabase(pool, options)).verification;

  expect(scope).toEqual({ kind: 'part', rules: 3 });
  expect(drift.map(({ rule, holders }) => [rule, holders?.count, holders?.more])).toEqual([
    [['p', 'viewer', 'invoices', 'write'], MANY + 1, false],
    [['g', 'viewer', 'boss'], MANY + 1, false],
  ]);
  expect(drift[0]?.holders?.names).toHaveLength(5);
});

test('the database finds the same holders as a search among all rules', async () => {
  const pool = await largeTable('p, viewer, invoices, write', 'p, boss, invoices, write', 'g, viewer, boss');
  await pool.query(`delete from casbin where rule ->> 0 like 'user%' and id % 700 <> 0`);
  await pool.query(
    `insert into casbin (ptype, rule) select 'g', jsonb_build_array('x' || n, 'y' || n) from generate_series(1, $1::int) n`,
    [MANY],
  );

  const part = await verifyDatabase(pool, options);
  const whole = await verifyDatabase(pool, { ...options, verify: { full: true } });

  expect([part.scope.kind, whole.scope.kind]).toEqual(['part', 'whole']);
  expect(part.drift).toHaveLength(3);
  const sorted = ({ drift }: typeof part) =>
    drift.map(({ holders }) => ({ ...holders, names: holders?.names.toSorted() }));
  expect(sorted(part)).toEqual(sorted(whole));
});

test('holders are those of the domain, by role definitions of subjects, each once, and no defined roles', async () => {
  const fields = 'sub, dom, obj, act';
  const model = newModelFromString(
    modelText({
      r: fields,
      p: fields,
      g: ['g = _, _, _', 'g2 = _, _, _'],
      m: 'g(r.sub, p.sub, r.dom) && g2(r.obj, p.obj, r.dom) && r.dom == p.dom && r.act == p.act',
    }),
  );
  const rules = ['p, viewer, one, bills, read', 'p, viewer, two, bills, read', 'g, lead, viewer, one'];
  const inDomains = { model, policy: definePolicy({ rules: rules.map(rule) }), seeders: [] };
  const pool = (await createDatabase()).pool();
  await bootstrapDatabase(pool, inDomains);
  await pool.query(
    `insert into casbin (ptype, rule)
     select 'g', jsonb_build_array('user' || n, 'other', 'one') from generate_series(1, $1::int) n`,
    [MANY],
  );
  const added = ['p, viewer, two, bills, write', 'p, viewer, one, bills, write', 'p, lead, one, bills, pay'];
  const links = ['ann, clerk', 'ann, team', 'clerk, viewer', 'team, viewer', 'cid, clerk'];
  const stored = [
    ...added,
    ...links.map((link) => `g, ${link}, one`),
    'g, ben, viewer, two',
    'g2, file, viewer, one',
    'g2, file, viewer, two',
    'g2, page, ann, one',
  ];
  for (const [ptype, ...values] of stored.map(rule)) {
    await pool.query('insert into casbin (ptype, rule) values ($1, $2)', [ptype, JSON.stringify(values)]);
  }

  const { drift, scope } = await verifyDatabase(pool, inDomains);

  expect(scope.kind).toBe('part');
  const found = added.map((line) => drift.find((one) => one.rule?.join(', ') === line)?.holders);
  expect(found).toMatchObject([{ count: 1, names: ['ben'] }, { count: 2 }, { count: 0 }]);
  expect(found[1]?.names.toSorted()).toEqual(['ann', 'cid']);
});

test('links without a domain count in each of them', async () => {
  const fields = 'sub, dom, obj, act';
  const model = newModelFromString(
    modelText({
      r: fields,
      p: fields,
      g: ['g = _, _, _', 'g2 = _, _'],
      m: '(g(r.sub, p.sub, r.dom) || g2(r.sub, p.sub)) && r.dom == p.dom && r.obj == p.obj && r.act == p.act',
    }),
  );
  const options = { model, policy: { rules: [rule('p, viewer, one, bills, read')] }, seeders: [] };
  const pool = (await createDatabase()).pool();
  await bootstrapDatabase(pool, options);
  await pool.query(
    `insert into casbin (ptype, rule)
     select 'g', jsonb_build_array('user' || n, 'other', 'one') from generate_series(1, $1::int) n
     union all values
       ('p', '["viewer", "one", "bills", "write"]'::jsonb), ('g', '["ann", "viewer", "one"]'),
       ('g', '["ben", "viewer", "two"]'), ('g2', '["cid", "viewer"]')`,
    [MANY],
  );

  const { drift, scope } = await verifyDatabase(pool, options);

  expect([scope.kind, drift[0]?.holders?.names.toSorted()]).toEqual(['part', ['ann', 'cid']]);
});

test('no more than ten thousand holders are counted', async () => {
  const pool = await largeTable('p, viewer, invoices, write');
  await pool.query(
    `insert into casbin (ptype, rule)
     select 'g', jsonb_build_array('more' || n, 'viewer') from generate_series(1, 9000) n`,
  );

  const { drift } = await verifyDatabase(pool, options);

  expect(drift).toMatchObject([{ holders: { count: 10_000, more: true } }]);
  expect(drift[0]?.message).toMatch(/and at least 9,995 more\.$/);
});
