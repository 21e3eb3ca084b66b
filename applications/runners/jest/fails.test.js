import { expect, test } from '@jest/globals';
import { assertDenied } from 'casbin-bootstrap/testing';
import { policyTests } from 'casbin-bootstrap/testing/jest';
import { createDrifted, policy } from '../policy.js';

policyTests(policy, { target: createDrifted });

test('a matcher', async () => {
  await expect(await createDrifted()).toAllow('clerk', 'invoices', 'approve');
});

test('an assertion', async () => {
  await assertDenied(await createDrifted(), 'clerk', 'invoices', 'read');
});
