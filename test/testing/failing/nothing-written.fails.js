import { policyTests } from 'casbin-bootstrap/testing';

policyTests({
  roles: { user: { permissions: { accounts: ['read'] } } },
  samples: [['user', 'accounts', 'read']],
});
