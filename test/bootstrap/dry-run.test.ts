import { expect, test } from 'vitest';
import { bootstrapDatabase } from '../../src/index.ts';
import { createDatabase } from '../support/database.ts';
import { snapshot } from './database-state.fixture.ts';
import { listen } from './notification.fixture.ts';

test('on an empty database it reports what would be done, and does nothing', async () => {
  const database = await createDatabase();
  const pool = database.pool({ max: 1 });
  const before = await snapshot(pool);

  const report = await bootstrapDatabase(pool, { dryRun: true });

  expect(report).toMatchObject({
    changed: true,
    migrations: [{ name: '0001_casbin' }, { name: '0002_providers' }],
    seeders: [
      { name: 'rbac', inserted: 16 },
      { name: 'providers', inserted: 3 },
    ],
    verification: { ok: true, checks: 56, allowed: 26 },
  });
  expect(await snapshot(pool)).toEqual(before);
});

test('on an up-to-date database it reports that nothing would change', async () => {
  const database = await createDatabase();
  const pool = database.pool();
  await bootstrapDatabase(pool);

  await expect(bootstrapDatabase(pool, { dryRun: true })).resolves.toMatchObject({
    changed: false,
    migrations: [],
    takeover: null,
  });
});

test('where a rule is missing it reports that, and the rule stays missing', async () => {
  const database = await createDatabase();
  const pool = database.pool();
  await bootstrapDatabase(pool);
  await pool.query(`delete from casbin where rule = '["admin", "user"]'`);
  const before = await snapshot(pool);

  await expect(bootstrapDatabase(pool, { dryRun: true })).resolves.toMatchObject({
    changed: true,
    seeders: [
      { inserted: 1, existing: 15 },
      { inserted: 0, existing: 3 },
    ],
  });

  expect(await snapshot(pool)).toEqual(before);
});

test('it fails as the real run would', async () => {
  const database = await createDatabase();
  const broken = { name: 'broken', seed: () => Promise.reject(new Error('no')) };

  await expect(bootstrapDatabase(database.pool(), { dryRun: true, seeders: [broken] })).rejects.toMatchObject(
    { code: 'SEEDER_FAILED', seeder: 'broken' },
  );
});

test('it tells no listener', async () => {
  const database = await createDatabase();
  const listener = await listen(database, 'casbin');

  await bootstrapDatabase(database.pool(), { dryRun: true });

  expect(await listener.untilSentinel()).toEqual([]);
});
