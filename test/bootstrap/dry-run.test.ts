import { expect, test } from 'vitest';
import { bootstrapDatabase, defaultPolicy, providerSeeder, type Seeder } from '../../src/index.ts';
import { createDatabase } from '../support/database.ts';
import { createBootstrapped } from './bootstrapped.fixture.ts';
import { snapshot } from './database-state.fixture.ts';
import { captureLog, linesOf } from './log.fixture.ts';
import { listen } from './notification.fixture.ts';

test('on an empty database it reports what would be done, and does nothing', async () => {
  const database = await createDatabase();
  const pool = database.pool({ max: 1 });
  const before = await snapshot(pool);

  const report = await bootstrapDatabase(pool, { dryRun: true });

  expect(report).toMatchObject({
    dryRun: true,
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

test('on an up-to-date database it reports that nothing would change, and tells a seeder so', async () => {
  const database = await createBootstrapped();
  const pool = database.pool();
  const told: boolean[] = [];
  const own: Seeder = {
    name: 'own',
    isSeeded: async ({ dryRun }) => told.push(dryRun) > 0,
    seed: async () => ({ inserted: 0, existing: 0 }),
  };

  await expect(
    bootstrapDatabase(pool, { dryRun: true, seeders: [providerSeeder(), own] }),
  ).resolves.toMatchObject({ changed: false, migrations: [], takeover: null });
  expect(told).toEqual([true]);
});

test('where a rule is missing it reports that, and the rule stays missing', async () => {
  const database = await createDatabase();
  const pool = database.pool();
  await bootstrapDatabase(pool, { policy: defaultPolicy });
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

test('it notifies no listener', async () => {
  const database = await createDatabase();
  const listener = await listen(database, 'casbin');

  await bootstrapDatabase(database.pool(), { dryRun: true });

  expect(await listener.untilSentinel()).toEqual([]);
});

test('a real run does not call itself dry, in its report or its log', async () => {
  const database = await createDatabase();
  const { logger, lines } = captureLog();

  await expect(bootstrapDatabase(database.pool(), { logger })).resolves.toMatchObject({ dryRun: false });

  expect(lines.length).toBeGreaterThan(0);
  for (const line of lines) {
    expect(line).not.toHaveProperty('dryRun');
    expect(line.msg).not.toMatch(/would/i);
  }
});

test('each line of its log says so, those of a seeder of the application too, and what would be done', async () => {
  const database = await createDatabase();
  const pool = database.pool();
  const { logger, lines } = captureLog();
  const own: Seeder = {
    name: 'own',
    async seed({ logger, dryRun }) {
      logger.info({ event: 'own', told: dryRun }, 'Mine');
      return { inserted: 0, existing: 0 };
    },
  };

  await bootstrapDatabase(pool, { dryRun: true, logger, seeders: [providerSeeder(), own] });

  expect(lines.filter((line) => line.dryRun !== true)).toEqual([]);
  expect(linesOf(lines, 'own')).toEqual([expect.objectContaining({ told: true })]);
  for (const [event, message] of [
    ['migration_applied', 'Would apply the migration'],
    ['provider_seeded', 'Would insert the row'],
    ['rbac_seeding_complete', 'Seeder would be complete'],
    ['seeding_completed', 'Seeding would be completed'],
  ] as const) {
    expect(linesOf(lines, event)[0]?.msg, event).toBe(message);
  }
});

test('its log has a rule that would be inserted again, and a table that would be taken over', async () => {
  const database = await createDatabase();
  const pool = database.pool();
  await pool.query(`
    create table casbin (id serial, ptype text, rule jsonb);
    insert into casbin (ptype, rule) values ('p', '["a", "b", "c"]'), ('p', '["a", "b", "c"]')`);
  const first = captureLog();
  await bootstrapDatabase(pool, { policy: defaultPolicy, dryRun: true, logger: first.logger });
  expect(linesOf(first.lines, 'table_taken_over')[0]?.msg).toBe('Would take over the existing rule table');

  await bootstrapDatabase(pool, { policy: defaultPolicy });
  await pool.query(`delete from casbin where rule = '["admin", "user"]'`);
  const { logger, lines } = captureLog();
  await bootstrapDatabase(pool, { dryRun: true, logger });
  expect(linesOf(lines, 'rule_inserted').map(({ msg }) => msg)).toEqual([
    'Would insert a defined rule that is missing',
  ]);
});

test('a logger without child loggers gets it too', async () => {
  const database = await createDatabase();
  const lines: unknown[] = [];
  const log = (fields: unknown) => lines.push(fields);
  const logger = Object({ debug: log, info: log, warn: log });

  await bootstrapDatabase(database.pool(), { dryRun: true, seeders: [], logger });

  expect(lines.length).toBeGreaterThan(0);
  for (const line of lines) expect(line).toHaveProperty('dryRun', true);
});
