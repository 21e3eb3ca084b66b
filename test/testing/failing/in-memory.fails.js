import { policyTests } from 'casbin-bootstrap/testing/vitest';

policyTests({
  roles: { user: { permissions: { accounts: ['read'] } }, auditor: { permissions: { accounts: ['write'] } } },
  allow: [['user', 'accounts', 'read']],
  deny: [['user', 'accounts', 'write']],
  never: [['auditor', 'accounts', 'write']],
  samples: [['user', 'accounts', 'write']],
});
