import { createRequire } from 'node:module';
import { changePolicy, createAdapter } from 'casbin-bootstrap';
import pg from 'pg';
import { whenAllReady } from '../../../support/children/barrier.mjs';

const { default: PostgresAdapter } = createRequire(import.meta.url)('casbin-pg-adapter');

// Gives a role to its users and takes it again, by this library or by the stock adapter, and prints what was committed
// when: [user, whether the user has the role, nanoseconds before the commit, and after it].
const [count, lastsMs, users] = process.argv.slice(2).map(Number);
const isStock = process.env.PROCESS_INDEX === '1';
const connectionString = process.env.DATABASE_URL;
const pool = new pg.Pool({ connectionString, max: 1 });
const ours = createAdapter(pool);
const stock = isStock ? await PostgresAdapter.newAdapter({ connectionString, migrate: false }) : null;
const now = () => Number(process.hrtime.bigint());

async function inTransaction(link, has, isKept) {
  const client = await pool.connect();
  await client.query('begin');
  await changePolicy(client, has ? { assign: [link] } : { unassign: [link] }, { actor: 'race' });
  await client.query(isKept ? 'commit' : 'rollback');
  client.release();
}

const roles = new Map();
const log = [];
await whenAllReady();
const until = now() + lastsMs * 1e6;
for (let turn = 0; turn < count || now() < until; turn++) {
  const user = `${isStock ? 'stock' : 'ours'} ${(turn * 7 + (turn >> 3)) % users}`;
  const has = roles.get(user) !== true;
  const link = [user, 'user'];
  const before = now();
  if (!isStock && turn % 3 === 0) {
    const isKept = turn % 4 !== 0;
    await inTransaction(link, has, isKept);
    if (!isKept) continue;
  } else await (stock ?? ours)[has ? 'addPolicy' : 'removePolicy']('g', 'g', link);
  log.push([user, has, before, now()]);
  roles.set(user, has);
}
await pool.end();
await stock?.close();
console.log(JSON.stringify(log));
