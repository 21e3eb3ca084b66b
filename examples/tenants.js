// A schema for each tenant, in one database: bootstrapped several at a time. One that fails stops no other.
import { bootstrapTenants, definePolicy } from 'casbin-bootstrap';
import { createEmbeddedPool } from 'casbin-bootstrap/embedded';

const policy = definePolicy({
  roles: {
    viewer: { permissions: { invoices: ['read'] } },
    clerk: { inherits: ['viewer'], permissions: { invoices: ['write'] } },
  },
});

const pool = createEmbeddedPool();

// Something is in the way of one of them: a table of that name, and of another shape.
const client = await pool.connect();
await client.query('create schema initech; create table initech.casbin (note text)');
client.release();

/** As an application would read them from its own table, page by page: no more at once than are worked on. */
async function* tenants() {
  for (const name of ['acme', 'globex', 'initech', 'umbrella']) {
    yield { name, schema: name, pool };
    // A database of its own instead, connected to in its turn and left after it:
    //   yield { name, pool: () => new pg.Pool({ connectionString: urlOf(name), max: 1 }) };
  }
}

for (const run of ['first run', 'second run']) {
  const report = await bootstrapTenants(tenants(), { policy, seeders: [], concurrency: 2 });
  console.log(`${run}: ${report.succeeded} of ${report.total} succeeded, ${report.changed} changed`);
  for (const tenant of report.tenants) {
    if (tenant.status === 'failed') console.log(`  ${tenant.name} failed: ${tenant.error.code}`);
  }
}
await pool.end();
