import { definePolicy } from 'casbin-bootstrap';

/** Who may do what. The names are those that routes declare: [resource, action]. */
export const policy = definePolicy({
  roles: {
    viewer: { permissions: { invoices: ['read'] } },
    clerk: { inherits: ['viewer'], permissions: { invoices: ['write'] } },
    manager: { inherits: ['clerk'], permissions: { invoices: ['approve'], members: ['read', 'write'] } },
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
  '2026_02_member': {
    async up(db) {
      await db.schema
        .createTable('member')
        .addColumn('name', 'text', (column) => column.primaryKey())
        .execute();
    },
  },
};

/**
 * What the database must hold, and how instances decide by it: for the bootstrap, the live enforcer and the tests. The
 * journal records each change of the policy; an instance that can't follow for ten seconds refuses all requests.
 */
export const options = { policy, migrations, seeders: [], journal: true, maxStalenessMs: 10_000 };
