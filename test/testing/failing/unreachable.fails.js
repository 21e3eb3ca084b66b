import { policyTests } from 'casbin-bootstrap/testing/vitest';

policyTests(
  { roles: { user: { permissions: { accounts: ['read'] } } } },
  { target: () => Promise.reject(new Error('no server')) },
);
