import { policyTests } from 'casbin-bootstrap/testing';

policyTests({
  roles: { user: { permissions: { accounts: ['read'] } } },
  never: [['user', 'accounts', 'read']],
});
