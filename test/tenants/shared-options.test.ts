import { expect, test } from 'vitest';
import { bootstrapTenants, definePolicy, type PolicyDefinition, type Seeder } from '../../src/index.ts';
import { createDatabase } from '../support/database.ts';

/** How often the definition is read, and a seeder checked, for so many tenants. */
async function countReads(tenants: number) {
  const pool = (await createDatabase()).pool();
  let reads = 0;
  let checks = 0;
  // Another definition each time, as the last one is remembered.
  const role = `clerk of ${tenants}`;
  const { roles = {} } = definePolicy({
    roles: { [role]: { permissions: { invoices: ['read', 'write'] } } },
  });
  const policy: PolicyDefinition = {
    get roles() {
      reads++;
      return roles;
    },
  };
  const seeder: Seeder = {
    name: 'counted',
    check() {
      checks++;
      return [];
    },
    isSeeded: async () => true,
    seed: async () => ({ inserted: 0, existing: 0 }),
  };
  const names = Array.from({ length: tenants }, (_, index) => `tenant_${index}`);
  const report = await bootstrapTenants(
    names.map((name) => ({ name, schema: name, pool })),
    { policy, seeders: [seeder] },
  );
  expect(report).toMatchObject({ ok: true, changed: tenants });
  return { reads, checks };
}

test('the options are resolved once, however many tenants there are', async () => {
  const one = await countReads(1);
  expect(one.reads).toBeGreaterThan(0);
  expect(one.checks).toBe(1);
  expect(await countReads(8)).toEqual(one);
});

test('tenants whose policies differ are checked each by its own', async () => {
  const pool = (await createDatabase()).pool();
  const tenants = ['a', 'b', 'c'].map((name) => ({ name, schema: name, pool }));
  await bootstrapTenants(tenants);
  await pool.query(`insert into b.casbin (ptype, rule) values ('p', '["readonly", "accounts", "write"]')`);

  const lenient = await bootstrapTenants(tenants);
  const strict = await bootstrapTenants(tenants, { verify: { strict: true } });

  const drifts = lenient.tenants.map(
    (tenant) => tenant.status === 'bootstrapped' && tenant.report.verification,
  );
  expect(drifts).toMatchObject([
    { drift: [] },
    { drift: [{ request: ['readonly', 'accounts', 'write'] }] },
    { drift: [] },
  ]);
  expect(strict.tenants).toMatchObject([
    { status: 'bootstrapped' },
    { status: 'failed', error: { code: 'VERIFICATION_FAILED', report: { ok: false } } },
    { status: 'bootstrapped' },
  ]);
});
