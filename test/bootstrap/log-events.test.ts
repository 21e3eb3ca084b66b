import { expect, test } from 'vitest';
import { bootstrapDatabase, rowSeeder, verifyDatabase } from '../../src/index.ts';
import { createDatabase } from '../support/database.ts';
import { createBootstrapped } from './bootstrapped.fixture.ts';
import { captureLog, DEBUG, type LogLine, linesOf } from './log.fixture.ts';

function seedingEvents(lines: readonly LogLine[]): string[] {
  return lines.map(({ event }) => event).filter((event) => /seed|provider/.test(event));
}

test('the first run logs what it seeds, through the logger of the caller', async () => {
  const database = await createDatabase();
  const { logger, lines } = captureLog();

  await bootstrapDatabase(database.pool(), { logger });

  expect(seedingEvents(lines)).toEqual([
    'seeding_started',
    'rbac_seeding_complete',
    'provider_seeded',
    'provider_seeded',
    'provider_seeded',
    'provider_seeding_complete',
    'seeding_completed',
  ]);
  expect(linesOf(lines, 'seeding_started')[0]).toMatchObject({ seeders: ['rbac', 'providers'] });
  expect(linesOf(lines, 'rbac_seeding_complete')[0]).toMatchObject({ seeded: 16, skipped: 0, total: 16 });
  expect(linesOf(lines, 'provider_seeding_complete')[0]).toMatchObject({ seeded: 3, skipped: 0, total: 3 });
  expect(linesOf(lines, 'provider_seeded').map(({ slug }) => slug)).toEqual([
    'schwab',
    'alpaca',
    'chase_file',
  ]);
  expect(linesOf(lines, 'seeding_completed')[0]).toMatchObject({ seeded: 19, skipped: 0, total: 19 });
  expect(linesOf(lines, 'migration_applied').map(({ name }) => name)).toEqual([
    '0001_casbin',
    '0002_providers',
  ]);
});

test('the second run logs the same events with what it skips', async () => {
  const database = await createBootstrapped();
  const { logger, lines } = captureLog();

  await bootstrapDatabase(database.pool(), { logger });

  expect(seedingEvents(lines)).toEqual([
    'seeding_started',
    'rbac_seeding_complete',
    'provider_exists',
    'provider_exists',
    'provider_exists',
    'provider_seeding_complete',
    'seeding_completed',
  ]);
  expect(linesOf(lines, 'rbac_seeding_complete')[0]).toMatchObject({ seeded: 0, skipped: 16, total: 16 });
  expect(linesOf(lines, 'provider_seeding_complete')[0]).toMatchObject({ seeded: 0, skipped: 3, total: 3 });
  expect(linesOf(lines, 'provider_exists')).toEqual(
    ['schwab', 'alpaca', 'chase_file'].map((slug) => expect.objectContaining({ level: DEBUG, slug })),
  );
  expect(linesOf(lines, 'seeding_completed')[0]).toMatchObject({ seeded: 0, skipped: 19, total: 19 });
});

test('a run that adds some logs each of them once', async () => {
  const database = await createBootstrapped();
  const pool = database.pool();
  await pool.query(`delete from providers where slug = 'alpaca'`);
  const { logger, lines } = captureLog();

  await bootstrapDatabase(pool, { logger });

  expect(linesOf(lines, 'provider_seeded').map(({ slug }) => slug)).toEqual(['alpaca']);
  expect(linesOf(lines, 'provider_exists').map(({ slug }) => slug)).toEqual(['schwab', 'chase_file']);
  expect(linesOf(lines, 'seeding_started')).toHaveLength(1);
  expect(linesOf(lines, 'seeding_completed')[0]).toMatchObject({ seeded: 1, skipped: 18, total: 19 });
});

test('a row seeder logs under its own name, unless it is given another one', async () => {
  const pool = (await createBootstrapped({ seeders: [] })).pool();
  await pool.query('create table plans (id int primary key)');
  const { logger, lines } = captureLog();
  const seeder = (name: string, id: number, more: object = {}) =>
    rowSeeder({ name, table: 'plans', key: 'id', rows: [{ id }], ...more });

  await bootstrapDatabase(pool, {
    seeders: [seeder('prices', 1), seeder('offers', 2, { logName: 'offer' })],
    logger,
  });

  expect(lines.map(({ event }) => event).filter((event) => /price|plan|offer/.test(event))).toEqual([
    'prices_seeded',
    'prices_seeding_complete',
    'offer_seeded',
    'offer_seeding_complete',
  ]);
});

test('of much drift, a hundred findings are logged, and all are counted', async () => {
  const pool = (await createDatabase()).pool();
  const granted = (role: string) => Array.from({ length: 1_100 }, (_, n) => ['p', role, `res${n}`, 'read']);
  const policy = { rules: [...granted('viewer'), ['p', 'clerk', 'own', 'read']] };
  await bootstrapDatabase(pool, { policy, seeders: [] });
  await pool.query(
    `insert into casbin (ptype, rule) select 'p', jsonb_build_array('clerk', 'res' || n, 'read') from generate_series(0, 1099) n`,
  );
  const { logger, lines } = captureLog();

  await bootstrapDatabase(pool, { policy, seeders: [], logger });
  const strict = verifyDatabase(pool, { policy, strict: true, logger });

  expect((await strict).omitted).toEqual({ failures: 100, drift: 100 });
  expect(linesOf(lines, 'drift')).toHaveLength(100 + 100);
  expect(linesOf(lines, 'verification_completed')).toMatchObject([
    { ok: true, failures: 0, drift: 1_200 },
    { ok: false, failures: 1_200, drift: 1_200 },
  ]);
});

test.each(['casbin', 'casbin_rule'])(
  'of the migrations that made %s, a start tells only those that its options do not have',
  async (table) => {
    const database = await createBootstrapped({ table, journal: true });
    const { logger, lines } = captureLog();

    await bootstrapDatabase(database.pool(), { logger, journal: true });
    expect(linesOf(lines, 'unknown_migrations')).toEqual([]);

    await bootstrapDatabase(database.pool(), { logger });
    expect(linesOf(lines, 'unknown_migrations').map(({ names }) => names)).toEqual([
      [`0003_journal_${table}`],
    ]);
  },
);
