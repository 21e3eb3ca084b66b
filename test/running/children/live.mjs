import { createLiveEnforcer, createWatcher } from 'casbin-bootstrap';
import pg from 'pg';

const { DATABASE_URL, POLL_INTERVAL_MS, THEN } = process.env;
console.log('ready');
const pool = new pg.Pool({ connectionString: DATABASE_URL, allowExitOnIdle: true });
let client;
let connect = async () => {
  client = await pool.connect();
  return client;
};
const live = await createLiveEnforcer(
  { connect: () => connect() },
  { pollIntervalMs: Number(POLL_INTERVAL_MS), maxStalenessMs: 3_600_000 },
);
if (THEN === 'looks again') await live.caughtUp();
if (THEN === 'is refused') connect = () => Promise.reject(new Error('no more connections'));
if (THEN === 'waits') connect = () => new Promise(() => {});
if (THEN === 'asks twice') {
  await pool.query(`insert into casbin (ptype, rule) values ('p', '["alice"]')`);
  await live.caughtUp().catch(() => {});
  await pool.query(`delete from casbin where rule = '["alice"]'`);
  await live.caughtUp();
}
if (THEN === 'has a watcher') {
  connect = () => Promise.reject(new Error('no more connections'));
  client.connection.stream.destroy();
  void createWatcher(live).updateForAddPolicy('p', 'p', 'alice');
}
if (THEN === 'is refused' || THEN === 'waits') {
  client.connection.stream.destroy();
  await live.caughtUp().catch(() => {});
}
console.log(JSON.stringify({ allowed: live.enforceSync('admin', 'accounts', 'read') }));
