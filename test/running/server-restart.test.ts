import { expect, onTestFinished, test } from 'vitest';
import { bootstrapDatabase, createLiveEnforcer } from '../../src/index.ts';
import { PoolWatch } from '../support/pool-watch.ts';
import { startServer } from '../support/server.ts';

test('a live enforcer continues after its server was killed and started again, and denies in the meantime under whenStale: deny', async () => {
  await using server = await startServer();
  const newPool = () => {
    const pool = new PoolWatch({ connectionString: server.url() }).pool;
    onTestFinished(() => pool.end());
    return pool;
  };
  const writer = newPool();
  await bootstrapDatabase(writer, { seeders: [], journal: true });
  const errors: Error[] = [];
  const live = await createLiveEnforcer(newPool(), {
    maxStalenessMs: 3_000,
    whenStale: 'deny',
    pollIntervalMs: 50,
    onError: (error) => errors.push(error),
  });
  onTestFinished(() => live.close());
  const allows = (name: string) => live.enforceSync(name, 'accounts', 'read');
  expect(allows('admin')).toBe(true);

  await server.kill();

  await expect
    .poll(() => live.state, { timeout: 30_000 })
    .toMatchObject({ status: 'stale', error: expect.any(Error) });
  expect(allows('admin')).toBe(false);
  expect(errors[0]).toMatchObject({ code: 'CONNECTION_LOST' });

  await server.start();
  await writer.query(`insert into casbin (ptype, rule) values ('g', '["alice", "user"]')`);

  await expect.poll(() => allows('alice'), { timeout: 30_000 }).toBe(true);
  expect(live.state).toMatchObject({ status: 'current', error: null, by: 'journal' });
  expect(allows('admin')).toBe(true);
});
