import { expect, onTestFinished, test } from 'vitest';
import { bootstrapDatabase, createLiveEnforcer } from '../../src/index.ts';
import { PoolWatch } from '../support/pool-watch.ts';
import { startServer } from '../support/server.ts';

test('a live enforcer has what a subscription writes, which no trigger records', async () => {
  await using server = await startServer({ settings: { wal_level: 'logical' } });
  const openPool = (database: string) => {
    const pool = new PoolWatch({ connectionString: server.url(database) }).pool;
    onTestFinished(() => pool.end());
    return pool;
  };
  const origin = openPool('postgres');
  await origin.query('create database copy');
  const copy = openPool('copy');
  for (const pool of [origin, copy]) await bootstrapDatabase(pool, { seeders: [], journal: true });
  await using live = await createLiveEnforcer(copy);
  expect(live.state.by).toBe('journal');

  // On one server, the slot has to be made beforehand.
  await origin.query(`create publication rules for table casbin`);
  await origin.query(`select pg_create_logical_replication_slot('rules', 'pgoutput')`);
  await copy.query(
    `create subscription rules connection '${server.url()}' publication rules
     with (create_slot = false, slot_name = 'rules', copy_data = false)`,
  );
  await live.caughtUp();
  expect(live.state.by).toBe('reload');
  await origin.query(`delete from casbin where rule ->> 0 = 'readonly'`);
  const isGone = async () => (await copy.query(`select from casbin where rule ->> 0 = 'readonly'`)).rowCount;
  await expect.poll(isGone).toBe(0);
  await live.caughtUp();
  expect(await live.enforce('readonly', 'accounts', 'read')).toBe(false);
  await copy.query('drop subscription rules');
});
