import { bootstrapDatabase, createEnforcer } from 'casbin-bootstrap';
import pg from 'pg';
import { buildApp } from './app.js';
import { subjectOf } from './permissions.js';
import { options } from './policy.js';

const { DATABASE_URL, PORT = '3000', FIRST_MANAGER } = process.env;
const pool = new pg.Pool({ connectionString: DATABASE_URL });
// The pool replaces an idle connection that is lost; without a listener it would end the process.
pool.on('error', (error) => console.error(`idle connection lost: ${error.message}`));

// Before anything listens: an instance whose permissions are not what they should be never takes a request.
const { changed, verification } = await bootstrapDatabase(pool, options);
console.log(`${changed ? 'seeded' : 'nothing to do'}: ${verification.checks} decisions verified`);

// It keeps what it has loaded; ../follow-policy.js follows what other instances change.
const enforcer = await createEnforcer(pool, options);
if (FIRST_MANAGER) await enforcer.addRoleForUser(subjectOf(FIRST_MANAGER), 'manager');

const app = buildApp({ pool, enforcer });
await app.listen({ port: Number(PORT) });

process.once('SIGTERM', async () => {
  await app.close();
  await pool.end();
});
