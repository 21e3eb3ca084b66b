// `GET /acme/invoices` as the user in the header `x-user`: the first part of the path is the tenant.
//
//   DATABASE_URL=postgres://… node examples/tenants-by-domain/application.js
import { createServer } from 'node:http';
import { bootstrapDatabase, createEnforcer } from 'casbin-bootstrap';
import pg from 'pg';
import { optionsFor, readTenants, subjectOf } from './policy.js';

const { DATABASE_URL, PORT = '3000' } = process.env;
const pool = new pg.Pool({ connectionString: DATABASE_URL });
// The pool replaces an idle connection that is lost; without a listener it would end the process.
pool.on('error', (error) => console.error(`idle connection lost: ${error.message}`));

const options = optionsFor(await readTenants(pool));
await bootstrapDatabase(pool, options);
// It keeps what it has loaded; ../follow-policy.js follows changes.
const enforcer = await createEnforcer(pool, options);

const ACTIONS = { GET: 'read', POST: 'write' };

const server = createServer(async (request, response) => {
  const user = String(request.headers['x-user'] ?? 'anonymous');
  const [, tenant = '', resource = ''] = String(request.url).split('/');
  const action = ACTIONS[request.method] ?? 'unknown';
  response.statusCode = (await enforcer.enforce(subjectOf(user), tenant, resource, action)) ? 200 : 403;
  const answer = response.statusCode === 200 ? 'allowed' : 'denied';
  response.end(`${user} ${action} ${resource} of ${tenant}: ${answer}\n`);
});
server.listen(Number(PORT), () => console.log(`listening on ${server.address().port}`));

process.once('SIGTERM', () => server.close(() => pool.end()));
