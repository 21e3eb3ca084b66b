import { definePolicy } from '../../src/index.ts';

/** Viewers read invoices; clerks inherit that, and write them. */
export const invoices = definePolicy({
  roles: {
    viewer: { permissions: { invoices: ['read'] } },
    clerk: { inherits: ['viewer'], permissions: { invoices: ['write'] } },
  },
});
