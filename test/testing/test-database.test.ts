import { afterAll, expect, test } from 'vitest';
import { createEmbeddedPool } from '../../src/embedded/index.ts';
import { BootstrapError, definePolicy } from '../../src/index.ts';
import { createTestDatabase } from '../../src/testing/index.ts';
import '../../src/testing/vitest.ts';

const first = await createTestDatabase();
const second = await createTestDatabase();
afterAll(async () => {
  await first.end();
  await second.end();
});

test('it is bootstrapped, as the options say, and its enforcer has the policy', async () => {
  const policy = definePolicy({ roles: { clerk: { permissions: { invoices: ['read'] } } } });
  await using database = await createTestDatabase({ policy, seeders: [], schema: 'auth' });

  expect(database.report).toMatchObject({ changed: true, verification: { ok: true, checks: 2 } });
  await expect(database.enforcer).toAllow('clerk', 'invoices', 'read');
  await expect(first.enforcer).toDeny('clerk', 'invoices', 'read');
});

test('it has the rule table that the application reads', async () => {
  await using database = await createTestDatabase({ seeders: [], table: 'casbin_rule' });
  await database.enforcer.addRoleForUser('alice', 'admin');
  await expect(database.enforcer).toAllow('alice', 'accounts', 'read');
  expect(await query(database, `select v0, v1 from casbin_rule where v0 = 'alice'`)).toEqual([
    { v0: 'alice', v1: 'admin' },
  ]);
  expect(await query(database, `select to_regclass('casbin') as other`)).toEqual([{ other: null }]);
});

test('no other sees what one writes', async () => {
  await first.enforcer.addRoleForUser('alice', 'admin');

  const count = "select count(*)::int as count from casbin where rule ->> 0 = 'alice'";
  expect(await query(first, count)).toEqual([{ count: 1 }]);
  expect(await query(second, count)).toEqual([{ count: 0 }]);
});

test('several may be started at once, and after its end a pool is closed', async () => {
  const databases = await Promise.all([createTestDatabase(), createTestDatabase()]);
  for (const { enforcer, end, pool } of databases) {
    await expect(enforcer).toAllow('admin', 'accounts', 'read');
    await end();
    await expect(pool.connect()).rejects.toThrow('Cannot use a pool after calling end on the pool');
  }
});

test('all but the first start from a copy of its files, as any embedded database in memory', async () => {
  const identify = 'select system_identifier from pg_control_system()';
  expect(await query(second, identify)).toEqual(await query(first, identify));

  const pool = createEmbeddedPool();
  expect(await query({ pool }, identify)).toEqual(await query(first, identify));
  await pool.end();
});

test('options that can not be used reject as bootstrapDatabase does', async () => {
  await expect(createTestDatabase({ policy: { rules: [['p9', 'x']] } })).rejects.toThrow(BootstrapError);
});

async function query({ pool }: Pick<typeof first, 'pool'>, text: string): Promise<unknown[]> {
  const client = await pool.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    client.release();
  }
}
