// Adds a tenant, with its owner: its row, its roles and what they may do, proved with those of all other tenants.
//
//   DATABASE_URL=postgres://… node examples/tenants-by-domain/add-tenant.js acme alice
import { bootstrapDatabase, changePolicy } from 'casbin-bootstrap';
import pg from 'pg';
import { optionsFor, readTenants, subjectOf } from './policy.js';

const [tenant, owner] = process.argv.slice(2);
if (!tenant || !owner) throw new Error('Give the name of the tenant, and the user who owns it.');

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL });
const tenants = new Set([...(await readTenants(pool)), tenant]);
const options = optionsFor([...tenants]);
const { seeders, verification } = await bootstrapDatabase(pool, options);

const client = await pool.connect();
const assign = [[subjectOf(owner), 'owner', tenant]];
await changePolicy(client, { assign }, { ...options, actor: 'add-tenant', reason: `${tenant} is new` });
client.release();

console.log(
  `${tenant}: ${seeders[0].inserted} rules inserted, ${verification.checks} decisions verified, owned by ${owner}`,
);
await pool.end();
