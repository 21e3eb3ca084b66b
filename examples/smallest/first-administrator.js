// Appoints the first administrator, once, by hand, and notifies the running instances.
//
//   DATABASE_URL=postgres://… node examples/smallest/first-administrator.js alice
import { createEnforcer } from 'casbin-bootstrap';
import pg from 'pg';
import { options } from './options.js';

const user = process.argv[2];
if (!user) throw new Error('Give the name that the application uses for the user.');

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL });
const enforcer = await createEnforcer(pool, options);
await enforcer.addRoleForUser(user, 'admin');
// Running instances decide by what they have loaded: tell them to load again. casbin-pg-watcher expects this payload.
const payload = JSON.stringify({ source: 'first-administrator', now: new Date() });
await pool.query('select pg_notify($1, $2)', ['casbin', payload]);
await pool.end();
