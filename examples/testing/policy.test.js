import { createTestDatabase } from 'casbin-bootstrap/testing';
import { policyTests } from 'casbin-bootstrap/testing/vitest';
import { afterAll, describe, expect, test } from 'vitest';
import { policy } from './policy.js';

// One test for each request that the policy promises an answer to; no database.
policyTests(policy);

// One for all tests of this file, awaited where `policyTests` needs it: before tests are registered.
const database = await createTestDatabase({ policy });
afterAll(() => database.end());

// Again on what the database really holds, with one test for each role × each permission.
describe('in the database', () => policyTests(policy, { target: database.pool }));

test('a new clerk writes invoices, and does not approve them', async () => {
  const { enforcer } = database;
  await enforcer.addRoleForUser('carol', 'clerk');

  await expect(enforcer).toAllow('carol', 'invoices', 'write');
  await expect(enforcer).toDeny('carol', 'invoices', 'approve');
});

test('who leaves has no permissions any more', async () => {
  const { enforcer } = database;
  await enforcer.addRoleForUser('dave', 'manager');
  await enforcer.deleteUser('dave');

  await expect(enforcer).not.toAllow('dave', 'invoices', 'read');
});
