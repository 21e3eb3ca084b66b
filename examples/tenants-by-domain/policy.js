// What every tenant has: its roles. Written once, for any number of tenants.
import { definePolicy, domainsModelPath, rowSeeder } from 'casbin-bootstrap';

const roles = {
  viewer: { permissions: { invoices: ['read'] } },
  clerk: { inherits: ['viewer'], permissions: { invoices: ['write'] } },
  owner: { inherits: ['clerk'], permissions: { members: ['read', 'write'] } },
};

/** The application's own table of tenants. */
const migrations = {
  '2026_01_tenant': {
    async up(db) {
      await db.schema
        .createTable('tenant')
        .addColumn('name', 'text', (column) => column.primaryKey())
        .execute();
    },
  },
};

/**
 * What the database must hold for these tenants, and how it decides; for every function that is given options. The row
 * of a tenant and its rules are inserted in one transaction.
 */
export function optionsFor(tenants) {
  // Without tenants there are no rules yet, and null says that this is meant.
  const policy = tenants.length > 0 ? definePolicy({ domains: { roles, tenants } }) : null;
  const rows = tenants.map((name) => ({ name }));
  const seeders = rows.length > 0 ? [rowSeeder({ name: 'tenants', table: 'tenant', key: 'name', rows })] : [];
  return { policy, model: domainsModelPath, migrations, seeders };
}

/** Users and roles are subjects alike: with a prefix, a user who is called "owner" is not taken for the role. */
export function subjectOf(user) {
  return `user:${user}`;
}

/** The names of all tenants; none before the first bootstrap. */
export async function readTenants(pool) {
  const { rows: found } = await pool.query("select to_regclass('tenant') is not null as exists");
  if (!found[0].exists) return [];
  const { rows } = await pool.query('select name from tenant order by name');
  return rows.map(({ name }) => name);
}
