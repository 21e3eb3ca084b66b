import { bootstrapDatabase, createEnforcer, definePolicy } from 'casbin-bootstrap';
import { createEmbeddedPool } from 'casbin-bootstrap/embedded';

const policy = definePolicy({
  roles: {
    viewer: { permissions: { invoices: ['read'] } },
    clerk: { inherits: ['viewer'], permissions: { invoices: ['write'] } },
  },
});
const pool = createEmbeddedPool(); // or: new pg.Pool({ connectionString: process.env.DATABASE_URL })
const { seeders, verification } = await bootstrapDatabase(pool, { policy, seeders: [] });
console.log(`${seeders[0].inserted} rules inserted, ${verification.checks} decisions verified`);
const enforcer = await createEnforcer(pool);
console.log('clerk may read invoices:', await enforcer.enforce('clerk', 'invoices', 'read'));
console.log('viewer may write invoices:', await enforcer.enforce('viewer', 'invoices', 'write'));
await pool.end();
