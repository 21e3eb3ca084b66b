import pg from 'pg';
import { expect, test } from 'vitest';
import { bootstrapDatabase, createAdapter, createEnforcer, verifyDatabase } from '../../src/index.ts';
import { createDatabase } from '../support/database.ts';

/** The engine to prove it on, by `npm run test:engine`; else the server that all tests have. */
const ENGINE_URL = process.env.ENGINE_URL;

const PATIENCE_MS = 600_000;

/** A pool, and a schema that is dropped afterwards. */
async function open() {
  const url = ENGINE_URL ?? (await createDatabase()).url;
  const pool = new pg.Pool({ connectionString: url, max: 8 });
  const schema = `casbin_bootstrap_${crypto.randomUUID().slice(0, 8)}`;
  const end = async () => {
    await pool.query(`drop schema if exists ${schema} cascade`);
    await pool.end();
  };
  return { pool, schema, [Symbol.asyncDispose]: end };
}

test('instances that start at once bootstrap an engine, and what they did is there', {
  timeout: PATIENCE_MS,
}, async () => {
  await using opened = await open();
  const { pool, schema } = opened;

  const reports = await Promise.all(Array.from({ length: 4 }, () => bootstrapDatabase(pool, { schema })));

  const [first] = reports;
  if (ENGINE_URL !== undefined)
    console.log(`Engine: ${first?.engine.name}. ${first?.engine.limits.join(' ')}`);
  expect(reports.map(({ verification }) => verification.ok)).toEqual(Array(4).fill(true));
  expect(reports.flatMap(({ seeders }) => seeders).reduce((sum, { inserted }) => sum + inserted, 0)).toBe(19);
  await expect(bootstrapDatabase(pool, { schema })).resolves.toMatchObject({ changed: false });
  await expect(verifyDatabase(pool, { schema })).resolves.toMatchObject({ ok: true, checks: 56 });
});

test('a deleted rule is inserted again, and the adapter writes what it is given', {
  timeout: PATIENCE_MS,
}, async () => {
  await using opened = await open();
  const { pool, schema } = opened;
  await bootstrapDatabase(pool, { schema });
  const { engine } = await bringBack(pool, schema);
  await writeByAdapter(pool, schema);
  if (engine.name !== 'citus') return;
  // Parts of each statement run on other nodes from here on.
  await pool.query(`select create_reference_table('${schema}.casbin')`);
  await bringBack(pool, schema);
  await writeByAdapter(pool, schema);
});

async function bringBack(pool: pg.Pool, schema: string) {
  const adapter = createAdapter(pool, { schema });
  await adapter.removePolicy('p', 'p', ['readonly', 'accounts', 'read']);
  const report = await bootstrapDatabase(pool, { schema });
  expect(report.seeders[0]).toMatchObject({ inserted: 1, existing: 15 });
  return report;
}

/** Leaves the table as it was. */
async function writeByAdapter(pool: pg.Pool, schema: string): Promise<void> {
  const enforcer = await createEnforcer(pool, { schema });
  await enforcer.addPolicy('user', 'reports', 'read');
  await enforcer.updatePolicy(['user', 'reports', 'read'], ['user', 'reports', 'write']);
  const other = await createEnforcer(pool, { schema });
  expect(await other.enforce('admin', 'reports', 'write')).toBe(true);
  expect(await other.enforce('admin', 'reports', 'read')).toBe(false);

  const several = [
    ['guest', 'reports', 'read'],
    ['guest', 'news', 'read'],
  ];
  await enforcer.addPolicies(several);
  await other.loadPolicy();
  expect(await other.enforce('guest', 'news', 'read')).toBe(true);
  await enforcer.removePolicies(several);
  await enforcer.removeFilteredPolicy(0, 'user', 'reports');
  await other.loadPolicy();
  expect(await other.enforce('guest', 'news', 'read')).toBe(false);
  expect(await other.enforce('admin', 'reports', 'write')).toBe(false);
}

test('3,000 rules are seeded, and loaded in their order', { timeout: PATIENCE_MS }, async () => {
  await using opened = await open();
  const { pool, schema } = opened;
  const rules = Array.from({ length: 3_000 }, (_, index) => ['p', `role ${index}`, 'data', 'read']);
  const policy = { rules };

  const { seeders } = await bootstrapDatabase(pool, { schema, policy, seeders: [] });

  expect(seeders).toMatchObject([{ inserted: 3_000 }]);
  const enforcer = await createEnforcer(pool, { schema });
  expect(await enforcer.getPolicy()).toEqual(rules.map(([, ...values]) => values));
});
