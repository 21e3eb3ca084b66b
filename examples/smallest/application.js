// The smallest application: bootstrap, then serve. `GET /accounts` as the role in the header `x-role`.
//
//   node examples/smallest/application.js                       embedded database, in memory
//   DATABASE_URL=postgres://… node examples/smallest/application.js
import { createServer } from 'node:http';
import { bootstrapDatabase, createEnforcer } from 'casbin-bootstrap';
import { createEmbeddedPool } from 'casbin-bootstrap/embedded';
import pg from 'pg';
import { options } from './options.js';

const { DATABASE_URL, PORT = '3000' } = process.env;
const pool = DATABASE_URL ? openPool(DATABASE_URL) : createEmbeddedPool();

// Before anything listens: an instance whose permissions are not what they should be never takes a request.
await bootstrapDatabase(pool, options);
// The same options: what was verified is what decides. It keeps what it has loaded; ../follow-policy.js follows changes.
const enforcer = await createEnforcer(pool, options);

const ACTIONS = { GET: 'read', POST: 'write' };

const server = createServer(async (request, response) => {
  const role = String(request.headers['x-role'] ?? 'anonymous');
  const resource = String(request.url).split('/')[1] ?? '';
  const action = ACTIONS[request.method] ?? 'unknown';
  response.statusCode = (await enforcer.enforce(role, resource, action)) ? 200 : 403;
  response.end(`${role} ${action} ${resource}: ${response.statusCode === 200 ? 'allowed' : 'denied'}\n`);
});
server.listen(Number(PORT), () => console.log(`listening on ${server.address().port}`));

function openPool(connectionString) {
  const pool = new pg.Pool({ connectionString });
  // The pool replaces an idle connection that is lost; without a listener it would end the process.
  pool.on('error', (error) => console.error(`idle connection lost: ${error.message}`));
  return pool;
}

process.once('SIGTERM', () => server.close(() => pool.end()));
