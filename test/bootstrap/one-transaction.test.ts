import { sql } from 'kysely';
import { describe, expect, test } from 'vitest';
import {
  type BootstrapOptions,
  bootstrapDatabase,
  definePolicy,
  type Migration,
  rowSeeder,
  type Seeder,
} from '../../src/index.ts';
import { createDatabase } from '../support/database.ts';
import { openWire } from '../support/wire.ts';
import { createBootstrapped } from './bootstrapped.fixture.ts';
import { snapshot } from './database-state.fixture.ts';

const broken: Seeder = {
  name: 'broken',
  seed: async ({ db }) => {
    await sql`create table half_done (n int)`.execute(db);
    throw new Error('The last seeder fails');
  },
};

/** Takes away what the definition promises, after it was seeded. */
const saboteur: Seeder = {
  name: 'saboteur',
  seed: async ({ db }) => {
    await sql`delete from casbin where rule = '["admin", "user"]'`.execute(db);
    return { inserted: 0, existing: 0 };
  },
};

const notes: Migration = {
  up: (db) => db.schema.createTable('notes').addColumn('id', 'integer').execute(),
};

describe('a failure of the last step leaves no trace', () => {
  test.for([
    ['a seeder', { seeders: [rowSeeder({ name: 'none', table: 'casbin', key: 'id', rows: [] }), broken] }],
    ['a migration', { migrations: { '2026_bad': { up: () => Promise.reject(new Error('no')) } } }],
    ['the verification', { seeders: [saboteur] }],
  ] satisfies [string, BootstrapOptions][])('of %s on an empty database', async ([, options]) => {
    const database = await createDatabase();
    const pool = database.pool({ max: 1 });
    const before = await snapshot(pool);

    await expect(bootstrapDatabase(pool, options)).rejects.toMatchObject({
      code: expect.stringMatching(/SEEDER_FAILED|MIGRATION_FAILED|VERIFICATION_FAILED/),
    });

    expect(await snapshot(pool)).toEqual(before);
    await expect(bootstrapDatabase(pool), 'the client is usable').resolves.toMatchObject({ changed: true });
  });

  test('on a bootstrapped database, schema included', async () => {
    const database = await createBootstrapped();
    const pool = database.pool({ max: 1 });
    await pool.query(`delete from casbin where rule = '["admin", "user"]'`);
    const before = await snapshot(pool);

    await expect(
      bootstrapDatabase(pool, { migrations: { '2026_notes': notes }, seeders: [broken] }),
    ).rejects.toMatchObject({ code: 'SEEDER_FAILED', seeder: 'broken' });

    expect(await snapshot(pool)).toEqual(before);
  });
});

test('everything runs on one connection, in one transaction', async () => {
  const database = await createDatabase();
  await using wire = await openWire(database.url);
  const pool = database.pool({ connectionString: wire.url, max: 1 });

  await bootstrapDatabase(pool, { migrations: { '2026_notes': notes } });

  expect(wire.connections).toHaveLength(1);
  const boundaries = wire.statements.filter((statement) => /^(begin|commit|rollback)/.test(statement));
  expect(boundaries.map((statement) => statement.split(';')[0])).toEqual([
    'begin isolation level repeatable read read only',
    'rollback',
    'begin isolation level read committed read write',
    'commit',
  ]);
});

test('a pool of one, shared with the rest of the application, is enough', async () => {
  const database = await createDatabase();
  const pool = database.pool({ max: 1 });

  const [report, other] = await Promise.all([
    bootstrapDatabase(pool),
    bootstrapDatabase(pool, { policy: definePolicy({ rules: [['p', 'a', 'b', 'c']] }) }),
  ]);

  expect([report.changed, other.changed]).toEqual([true, true]);
  expect(pool.totalCount).toBe(1);
  expect(pool.idleCount).toBe(1);
});

test('locks end with it', async () => {
  const database = await createDatabase();
  const pool = database.pool({ max: 1 });
  await bootstrapDatabase(pool);

  const { rows } = await pool.query(
    `select from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()`,
  );
  expect(rows).toEqual([]);
});

test('a first start takes 49 round trips', async () => {
  const database = await createDatabase();
  await using wire = await openWire(database.url);
  const pool = database.pool({ connectionString: wire.url, max: 1 });
  await pool.query('select 1');
  const before = wire.roundTrips;

  await bootstrapDatabase(pool);

  expect(wire.roundTrips - before).toBe(49);
});
