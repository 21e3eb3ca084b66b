import { bootstrapDatabase, changePolicy, createLiveEnforcer } from 'casbin-bootstrap';
import pg from 'pg';
import { buildApp } from './app.js';
import { subjectOf } from './permissions.js';
import { options, policy } from './policy.js';

const { DATABASE_URL, PORT = '3000', FIRST_MANAGER } = process.env;
const pool = new pg.Pool({ connectionString: DATABASE_URL });
// The pool replaces an idle connection that is lost; without a listener it would end the process.
pool.on('error', (error) => console.error(`idle connection lost: ${error.message}`));

// Before anything listens: an instance whose permissions are not what they should be never takes a request.
const { changed, verification } = await bootstrapDatabase(pool, options);
console.log(`${changed ? 'seeded' : 'nothing to do'}: ${verification.checks} decisions verified`);

if (FIRST_MANAGER) {
  const client = await pool.connect();
  const assign = [[subjectOf(FIRST_MANAGER), 'manager']];
  await changePolicy(client, { assign }, { policy, actor: 'start.js', reason: 'FIRST_MANAGER' });
  client.release();
}

const enforcer = await createLiveEnforcer(pool, {
  ...options,
  onError: (error) => console.error(`the policy could not be read: ${error.message}`),
});
const app = await buildApp({ pool, enforcer });
await app.listen({ port: Number(PORT) });

process.once('SIGTERM', async () => {
  await app.close();
  await enforcer.close();
  await pool.end();
});
