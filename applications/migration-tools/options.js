import { definePolicy } from 'casbin-bootstrap';

const policy = definePolicy({
  roles: {
    viewer: { permissions: { invoices: ['read'] } },
    clerk: { inherits: ['viewer'], permissions: { invoices: ['write'] } },
  },
});

// In a schema of its own, which migration tools leave alone.
export const options = { policy, seeders: [], schema: 'auth' };
