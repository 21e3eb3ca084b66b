import { after, test } from 'node:test';
import { assertAllowed, assertDenied, createTestDatabase } from 'casbin-bootstrap/testing';
import { policyTests } from 'casbin-bootstrap/testing/node';
import { policy } from '../policy.js';

const database = await createTestDatabase({ policy });
after(() => database.end());

policyTests(policy, { target: database.pool });

test('assertions take an enforcer or a pool', async () => {
  await assertAllowed(database.enforcer, 'clerk', 'invoices', 'write');
  await assertDenied(database.pool, 'viewer', 'invoices', 'write');
});
