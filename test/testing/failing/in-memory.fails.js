import { policyTests } from 'casbin-bootstrap/testing/vitest';

policyTests({
  roles: { user: { permissions: { accounts: ['read'] } }, auditor: { permissions: { accounts: ['write'] } } },
  allow: [['user', 'accounts', 'read']],
  deny: [['user', 'accounts', 'write']],
  never: [['user', 'accounts', 'read']],
  samples: [['user', 'accounts', 'write']],
});
