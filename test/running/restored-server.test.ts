import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { bootstrapDatabase, createLiveEnforcer } from '../../src/index.ts';
import { PoolWatch } from '../support/pool-watch.ts';
import { startServer } from '../support/server.ts';

/** With its owner: Node's own copy is ours, and the server refuses it. */
const copy = (from: string, to: string) => promisify(execFile)('cp', ['-a', from, to]);

test('a live enforcer has the policy of a server that has lost what it had seen, as after a failover', async () => {
  await using server = await startServer();
  const openPool = () => {
    const pool = new PoolWatch({ connectionString: server.url() }).pool;
    onTestFinished(() => pool.end());
    return pool;
  };
  const link = (user: string) =>
    openPool().query(`insert into casbin (ptype, rule) values ('g', jsonb_build_array($1::text, 'user'))`, [
      user,
    ]);
  await bootstrapDatabase(openPool(), { seeders: [], journal: true });
  await server.stop({ keepData: true });
  await copy(server.dataDir, `${server.home}/copy`);
  await server.start();
  const live = await createLiveEnforcer(openPool(), { pollIntervalMs: 50 });
  onTestFinished(() => live.close());
  await openPool().query(
    'do $$ begin for n in 1..1000 loop perform pg_current_xact_id(); commit; end loop; end $$',
  );
  await link('alice');
  await live.caughtUp();
  const allows = (name: string) => live.enforceSync(name, 'accounts', 'read');
  expect(allows('alice')).toBe(true);

  await server.stop({ keepData: true });
  await rm(server.dataDir, { recursive: true });
  await copy(`${server.home}/copy`, server.dataDir);
  await server.start();
  await link('bob');
  await expect.poll(() => live.caughtUp().catch(() => 'not yet'), { timeout: 30_000 }).toBeUndefined();

  expect([allows('alice'), allows('bob')]).toEqual([false, true]);
  expect(live.state.by).toBe('journal');
});
