import { newModelFromString } from 'casbin';
import { expect, test } from 'vitest';
import { bootstrapDatabase, definePolicy } from '../../src/index.ts';
import { readRules } from '../bootstrap/database-state.fixture.ts';
import { createDatabase } from '../support/database.ts';
import { modelText, rule } from './judge.fixture.ts';

const ALLOW = 'p, user, data, read, allow';
const DENY = 'p, user, data, read, deny';

function options(...lines: readonly string[]) {
  const text = modelText({ p: 'sub, obj, act, eft', e: 'priority(p.eft) || deny' });
  return { model: newModelFromString(text), policy: definePolicy({ rules: lines.map(rule) }), seeders: [] };
}

test('where the first row decides, a rule that would come too late for what is defined is refused', async () => {
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
