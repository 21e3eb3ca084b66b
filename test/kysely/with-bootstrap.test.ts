import { Kysely, PostgresDialect, sql } from 'kysely';
import type pg from 'pg';
import { describe, expect, expectTypeOf, test } from 'vitest';
import { type BootstrapOptions, definePolicy, type Migration } from '../../src/index.ts';
import { withBootstrap } from '../../src/kysely/index.ts';
import { Migrator, NO_MIGRATIONS } from '../migrator/kysely-migrator.fixture.ts';
import { createDatabase } from '../support/database.ts';

const policy = definePolicy({ roles: { viewer: { permissions: { invoices: ['read'] } } } });

const MIGRATIONS: Record<string, Migration> = {
  '01_invoices': {
    up: async (db) => {
      await sql`create table invoices (id integer)`.execute(db);
    },
    down: async (db) => {
      await sql`drop table invoices`.execute(db);
    },
  },
  '02_lines': {
    up: async (db) => {
      await sql`create table lines (id integer)`.execute(db);
    },
    down: async (db) => {
      await sql`drop table lines`.execute(db);
    },
  },
};

/** A Migrator of the application, on the same single connection as the bootstrap. */
async function createMigrator(options: BootstrapOptions = {}, migrations = MIGRATIONS) {
  const pool = (await createDatabase()).pool({ max: 1 });
  const db = new Kysely({ dialect: new PostgresDialect({ pool }) });
  const BootstrapMigrator = withBootstrap(Migrator, pool, { policy, seeders: [], ...options });
  const provider = { getMigrations: async () => migrations };
  return { pool, migrator: new BootstrapMigrator({ db, provider }) };
}

/** How many of the defined rules are stored; null where nobody has bootstrapped. */
async function countRules(pool: pg.Pool): Promise<number | null> {
  const { rows } = await pool.query(`select to_regclass('casbin') as name`);
  if (rows[0].name === null) return null;
  return (await pool.query('select from casbin')).rowCount;
}

describe('a Migrator with a bootstrap', () => {
  test('is one of the given class, and migrates as it does', async () => {
    const { pool, migrator } = await createMigrator();
    expect(migrator).toBeInstanceOf(Migrator);
    expectTypeOf(withBootstrap(Migrator, pool)).toEqualTypeOf<typeof Migrator>();

    const { error, results } = await migrator.migrateToLatest();

    expect(error).toBeUndefined();
    expect(results?.map(({ migrationName }) => migrationName)).toEqual(['01_invoices', '02_lines']);
  });

  test('bootstraps after it has migrated to the latest, and also when nothing was pending', async () => {
    const { pool, migrator } = await createMigrator();
    await migrator.migrateToLatest();
    expect(await countRules(pool)).toBe(1);
    await pool.query('truncate casbin');

    expect(await migrator.migrateToLatest()).toEqual({ results: [] });

    expect(await countRules(pool)).toBe(1);
  });

  test('bootstraps after each step up, and also when there is none left', async () => {
    const { pool, migrator } = await createMigrator();
    for (const expected of [['01_invoices'], ['02_lines'], []]) {
      const { results } = await migrator.migrateUp();
      expect(results?.map(({ migrationName }) => migrationName)).toEqual(expected);
      expect(await countRules(pool)).toBe(1);
      await pool.query('truncate casbin');
    }
  });

  test('bootstraps after migrating to a given migration, also if it was applied already', async () => {
    const { pool, migrator } = await createMigrator();
    await migrator.migrateTo('01_invoices');
    expect(await countRules(pool)).toBe(1);
    await pool.query('truncate casbin');

    await migrator.migrateTo('01_invoices');

    expect(await countRules(pool)).toBe(1);
  });

  test('does not bootstrap when it goes down', async () => {
    const { pool, migrator } = await createMigrator();
    await migrator.migrateToLatest();
    await pool.query('truncate casbin');

    await migrator.migrateTo('01_invoices');
    await migrator.migrateDown();
    await migrator.migrateTo(NO_MIGRATIONS);

    expect(await countRules(pool)).toBe(0);
    const { rows } = await pool.query(
      `select to_regclass('invoices') as invoices, to_regclass('lines') as lines`,
    );
    expect(rows).toEqual([{ invoices: null, lines: null }]);
  });

  test.each([new Error('no'), undefined])('does not bootstrap when a migration throws %s', async (thrown) => {
    const failing = { '01_failing': { up: () => Promise.reject(thrown) } };
    const { pool, migrator } = await createMigrator({}, failing);

    const { error, results } = await migrator.migrateToLatest();

    expect(error).toBe(thrown);
    expect(results).toMatchObject([{ status: 'Error' }]);
    expect(await countRules(pool)).toBeNull();
  });

  test('does not bootstrap when it can not tell what to migrate', async () => {
    const { pool } = await createMigrator();
    const db = new Kysely({ dialect: new PostgresDialect({ pool }) });
    const provider = { getMigrations: () => Promise.reject(new Error('no such folder')) };
    const migrator = new (withBootstrap(Migrator, pool, { policy, seeders: [] }))({ db, provider });

    expect(await migrator.migrateToLatest()).toEqual({ error: new Error('no such folder') });
    expect(await countRules(pool)).toBeNull();
  });

  test('has the error of a bootstrap that fails in its outcome, and what was migrated stays', async () => {
    const { pool, migrator } = await createMigrator({ model: 'nowhere.conf' });

    const { error, results } = await migrator.migrateToLatest();

    expect(error).toMatchObject({ code: 'INVALID_OPTIONS' });
    expect(results?.map(({ status }) => status)).toEqual(['Success', 'Success']);
    expect((await pool.query('select from lines')).rowCount).toBe(0);
  });
});

test('a Migrator that the import did not give is refused, and it is said where Kysely has it', () => {
  const { Migrator: missing } = {} as { Migrator: typeof Migrator };
  const pool = { connect: () => Promise.reject(new Error('nobody should connect')) };

  expect(() => withBootstrap(missing, pool)).toThrow(
    "Migrator: must be the class Migrator of Kysely: import it from 'kysely/migration', or before Kysely 0.29 from 'kysely'",
  );
});
