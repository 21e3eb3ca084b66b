import { newModelFromString } from 'casbin';
import fc from 'fast-check';
import { Kysely, PostgresDialect } from 'kysely';
import type pg from 'pg';
import { expect, test } from 'vitest';
import { readLivePolicy } from '../../src/casbin/live-policy.ts';
import { reachableScope } from '../../src/casbin/scope.ts';
import { bootstrapDatabase, verifyDatabase } from '../../src/index.ts';
import { RuleSet } from '../../src/policy/rule-set.ts';
import { decideAll } from '../../src/verification/decide.ts';
import { createDatabase } from '../support/database.ts';
import { world } from './random-model.fixture.ts';

/** More rules than a bootstrap would read all of. */
const MANY = 1_500;

test('a bootstrap judges the rules that it reads, and all of them under full', async () => {
  const pool = (await createDatabase()).pool();
  await bootstrapDatabase(pool);
  await pool.query(
    `insert into casbin (ptype, rule)
     select 'g', jsonb_build_array('user' || n, 'team' || n) from generate_series(1, $1::int) n`,
    [MANY],
  );
  await pool.query(
    `insert into casbin (ptype, rule) values ('g', '["z(", "team1"]'), ('p9', '["user1", "x"]')`,
  );

  const report = await bootstrapDatabase(pool);
  const full = await verifyDatabase(pool, { verify: { full: true } });

  expect(report.verification).toMatchObject({ ok: true, integrity: [] });
  expect(full).toMatchObject({ ok: false, failures: [], drift: [] });
  expect(full.integrity.map(({ severity, rule }) => [severity, rule])).toEqual([
    ['failure', ['g', 'z(', 'team1']],
    ['warning', ['p9', 'user1', 'x']],
  ]);
  await expect(bootstrapDatabase(pool, { verify: { full: true } })).rejects.toMatchObject({
    code: 'VERIFICATION_FAILED',
  });
});

test('the rules that requests can reach decide them as all rules do', async () => {
  const pool = (await createDatabase()).pool();
  await bootstrapDatabase(pool, { seeders: [] });
  const db = new Kysely({ dialect: new PostgresDialect({ pool }) });
  let left = 0;

  await fc.assert(
    fc.asyncProperty(world, async ({ modelText, rules, requests }) => {
      await store(pool, rules);
      const model = newModelFromString(modelText);
      const read = (scope: Parameters<typeof readLivePolicy>[1]) =>
        db.transaction().execute((trx) => readLivePolicy(trx, scope, new RuleSet([]), () => {}));
      const valuesAt = (position: number) => requests.map((request) => request[position] ?? '');
      const whole = await read({ kind: 'whole' });
      const reached = await read(reachableScope(model, [], valuesAt));
      left += whole.length - reached.length;

      expect(await decideAll(model, reached, requests)).toEqual(await decideAll(model, whole, requests));
    }),
    { numRuns: 300 },
  );

  expect(left, 'nothing was left out').toBeGreaterThan(0);
}, 120_000);

async function store(
  pool: pg.Pool,
  rules: readonly { readonly ptype: string; readonly values: readonly string[] }[],
): Promise<void> {
  await pool.query('delete from casbin');
  await pool.query(
    `insert into casbin (ptype, rule)
     select * from jsonb_to_recordset($1) as row (ptype text, rule jsonb) on conflict do nothing`,
    [JSON.stringify(rules.map(({ ptype, values }) => ({ ptype, rule: values })))],
  );
}
