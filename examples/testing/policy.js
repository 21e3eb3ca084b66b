import { definePolicy } from 'casbin-bootstrap';

/** Who may do what; the application bootstraps its database with it. */
export const policy = definePolicy({
  roles: {
    viewer: { permissions: { invoices: ['read'] } },
    clerk: { inherits: ['viewer'], permissions: { invoices: ['write'] } },
    manager: { inherits: ['clerk'], permissions: { invoices: ['approve'] } },
  },
  deny: [['clerk', 'invoices', 'approve']],
  never: [['viewer', 'invoices', 'write']],
});
