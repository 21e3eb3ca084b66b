import { policyTests } from 'casbin-bootstrap/testing/vitest';

policyTests({
  roles: { user: { inherits: ['redonly'], permissions: { accounts: ['read'] } } },
  rules: [['p9', 'user', 'accounts', 'read']],
});
