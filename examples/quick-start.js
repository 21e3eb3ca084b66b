import { bootstrapDatabase, createEnforcer, definePolicy, verifyDatabase } from 'casbin-bootstrap';
import { createEmbeddedPool } from 'casbin-bootstrap/embedded';

const policy = definePolicy({
  roles: {
    viewer: { permissions: { invoices: ['read'] } },
    clerk: { inherits: ['viewer'], permissions: { invoices: ['write'] } },
  },
});
const options = { policy, seeders: [] }; // defined once, for every function below
const pool = createEmbeddedPool(); // or: new pg.Pool({ connectionString: process.env.DATABASE_URL })
const { seeders, verification } = await bootstrapDatabase(pool, options);
console.log(`${seeders[0]?.inserted} rules inserted, ${verification.checks} decisions verified`);
const { ok } = await verifyDatabase(pool, options);
console.log('the database decides as the policy says:', ok);
const enforcer = await createEnforcer(pool, options);
console.log('clerk may read invoices:', await enforcer.enforce('clerk', 'invoices', 'read'));
console.log('viewer may write invoices:', await enforcer.enforce('viewer', 'invoices', 'write'));
await pool.end();
