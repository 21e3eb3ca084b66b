import { test } from 'node:test';
import { assertAllowed, assertDenied } from 'casbin-bootstrap/testing';
import { policyTests } from 'casbin-bootstrap/testing/node';
import { createDrifted, policy } from '../policy.js';

policyTests(policy, { target: createDrifted });

test('a request that is denied', async () => {
  await assertAllowed(await createDrifted(), 'clerk', 'invoices', 'approve');
});

test('a request that is allowed', async () => {
  await assertDenied(await createDrifted(), 'clerk', 'invoices', 'read');
});
