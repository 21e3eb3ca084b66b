import { readFileSync } from 'node:fs';
import { newEnforcer, newModelFromString, StringAdapter } from 'casbin';
import { defaultModelPath, definePolicy } from 'casbin-bootstrap';
import { policyTests } from 'casbin-bootstrap/testing/vitest';

const policy = definePolicy({
  roles: {
    readonly: { permissions: { accounts: ['read'] } },
    user: { inherits: ['readonly'], permissions: { accounts: ['write'] } },
  },
  allow: [['user', 'accounts', 'read']],
  deny: [['readonly', 'accounts', 'write']],
  never: [['readonly', 'accounts', 'write']],
  samples: [['auditor', 'accounts', 'read']],
});

// One rule is gone, and a role was given since.
const stored = new StringAdapter('p, readonly, accounts, read\ng, user, readonly\ng, auditor, readonly');

policyTests(policy, {
  target: () => newEnforcer(newModelFromString(readFileSync(defaultModelPath, 'utf8')), stored),
});
