// Loads the policy of a database into an enforcer, and prints what that adds to the memory of the process: at its
// peak, and after a garbage collection that leaves the enforcer.
import { setTimeout } from 'node:timers/promises';
import { createEnforcer } from 'casbin-bootstrap';
import pg from 'pg';
import { countLoaded, loadByHand } from '../peers/plain-enforcer.js';
import { RBAC } from '../policies.js';

const [contender] = process.argv.slice(2);
const load = contender === 'floor' ? (pool) => loadByHand(pool, RBAC) : (pool) => createEnforcer(pool);
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 1 });
await pool.query('select');
const before = await residentMib();
const enforcer = await load(pool);
// kilobytes on every system
const peak = process.resourceUsage().maxRSS / 1024 - before;
const held = (await residentMib()) - before;
await pool.end();
console.log(JSON.stringify({ peak, held, rules: countLoaded(enforcer) }));

/** Node gives pages back to the system a while after a collection, and some only after another one. */
async function residentMib() {
  for (let n = 0; n < 4; n++) {
    globalThis.gc();
    await setTimeout(200);
  }
  return process.memoryUsage.rss() / 1024 ** 2;
}
