import { assertAllowed, createTestDatabase } from 'casbin-bootstrap/testing';
import { policyTests } from 'casbin-bootstrap/testing/vitest';
import { afterAll, expect, test } from 'vitest';
import { policy } from '../policy.js';

const database = await createTestDatabase({ policy });
afterAll(() => database.end());

policyTests(policy, { target: database.pool });

test('matchers and assertions agree', async () => {
  await expect(database.enforcer).toAllow('clerk', 'invoices', 'write');
  await expect(database.enforcer).not.toAllow('viewer', 'invoices', 'write');
  await assertAllowed(database.pool, 'clerk', 'invoices', 'write');
});
