import { definePolicy } from 'casbin-bootstrap';

/** Who may do what, on the resources that routes name in `@Requires`. */
export const policy = definePolicy({
  roles: {
    viewer: { permissions: { accounts: ['read'] } },
    clerk: { inherits: ['viewer'], permissions: { accounts: ['write'] } },
    manager: { inherits: ['clerk'], permissions: { members: ['read', 'write'] } },
  },
  never: [['viewer', 'accounts', 'write']],
});

// From here on, @Requires('acounts', 'write') does not compile.
declare module 'casbin-bootstrap/nestjs' {
  interface Register {
    policy: typeof policy;
  }
}

/** What the database must hold, and how instances decide by it. */
export const options = { policy, seeders: [], journal: true, maxStalenessMs: 10_000 };
