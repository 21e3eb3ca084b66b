import { afterAll, describe, expect, test } from '@jest/globals';
import { assertAllowed, collectPolicyTests, createTestDatabase } from 'casbin-bootstrap/testing';
import { policyTests } from 'casbin-bootstrap/testing/jest';
import { policy } from '../policy.js';

const database = await createTestDatabase({ policy });
afterAll(() => database.end());

policyTests(policy, { target: database.pool });

const { tests } = await collectPolicyTests(policy, { target: database.pool });
describe('a test for each', () => {
  for (const { group, name, run } of tests) test(`${group}: ${name}`, run);
});

test('matchers and assertions agree', async () => {
  await expect(database.enforcer).toAllow('clerk', 'invoices', 'write');
  await expect(database.enforcer).not.toAllow('viewer', 'invoices', 'write');
  await assertAllowed(database.pool, 'clerk', 'invoices', 'write');
});
