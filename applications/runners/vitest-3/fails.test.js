import { assertDenied } from 'casbin-bootstrap/testing';
import { policyTests } from 'casbin-bootstrap/testing/vitest';
import { expect, test } from 'vitest';
import { createDrifted, policy } from '../policy.js';

policyTests(policy, { target: createDrifted });

test('a matcher', async () => {
  await expect(await createDrifted()).toAllow('clerk', 'invoices', 'approve');
});

test('an assertion', async () => {
  await assertDenied(await createDrifted(), 'clerk', 'invoices', 'read');
});
