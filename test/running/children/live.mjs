import { createLiveEnforcer } from 'casbin-bootstrap';
import pg from 'pg';

console.log('ready');
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, allowExitOnIdle: true });
const live = await createLiveEnforcer(pool, { pollIntervalMs: Number(process.env.POLL_INTERVAL_MS) });
if (process.env.LOOKS_AGAIN === 'true') await live.caughtUp();
console.log(JSON.stringify({ allowed: live.enforceSync('admin', 'accounts', 'read') }));
