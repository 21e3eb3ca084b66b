import { policyTests } from 'casbin-bootstrap/testing/vitest';

policyTests({
  roles: { user: { permissions: { accounts: ['read'] } } },
  never: [['user', 'accounts', 'read']],
});
