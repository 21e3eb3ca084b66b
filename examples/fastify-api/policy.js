import { definePolicy } from 'casbin-bootstrap';

/** Who may do what. The names are those that routes declare: [resource, action]. */
export const policy = definePolicy({
  roles: {
    viewer: { permissions: { invoices: ['read'] } },
    clerk: { inherits: ['viewer'], permissions: { invoices: ['write'] } },
    manager: { inherits: ['clerk'], permissions: { invoices: ['approve'], members: ['write'] } },
  },
  deny: [['clerk', 'invoices', 'approve']],
  never: [['viewer', 'invoices', 'write']],
});

const migrations = {
  '2026_01_invoice': {
    async up(db) {
      await db.schema
        .createTable('invoice')
        .addColumn('id', 'integer', (column) => column.primaryKey().generatedAlwaysAsIdentity())
        .addColumn('customer', 'text', (column) => column.notNull())
        .addColumn('approved_by', 'text')
        .execute();
    },
  },
};

/** What the database must hold, and how it decides: for the bootstrap, the enforcer and the tests. */
export const options = { policy, migrations, seeders: [] };
