import { definePolicy } from '../policy/definition.ts';

const READ = ['read'] as const;
const WRITE = ['write'] as const;
const READ_AND_WRITE = ['read', 'write'] as const;

/** What is seeded when no policy is given: readonly < user < admin over seven resources, 16 rules. */
export const defaultPolicy = definePolicy({
  roles: {
    readonly: {
      permissions: { accounts: READ, transactions: READ, providers: READ, sessions: READ },
    },
    user: {
      inherits: ['readonly'],
      permissions: { accounts: WRITE, transactions: WRITE, providers: WRITE, sessions: WRITE },
    },
    admin: {
      inherits: ['user'],
      permissions: { users: READ_AND_WRITE, admin: READ_AND_WRITE, security: READ_AND_WRITE },
    },
  },
});
