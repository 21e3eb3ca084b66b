import { sql } from 'kysely';
import type pg from 'pg';
import { describe, expect, test } from 'vitest';
import { bootstrapDatabase, type Migration, type MigrationSettings, type Seeder } from '../../src/index.ts';
import { captureLog, linesOf } from '../bootstrap/log.fixture.ts';
import { problemsOf } from '../refusals/refusal.fixture.ts';
import { createDatabase } from '../support/database.ts';
import { applicationMigrator } from './kysely-migrator.fixture.ts';

/** Migrations that make a table each. */
function tables(...names: string[]): Record<string, Migration> {
  return Object.fromEntries(
    names.map((name): [string, Migration] => [
      name,
      { up: (db) => db.schema.createTable(`t_${name}`).addColumn('id', 'integer').execute() },
    ]),
  );
}

function settings(
  migrations: Record<string, Migration>,
  others: Omit<MigrationSettings, 'provider'> = {},
): { migrations: MigrationSettings } {
  return { migrations: { provider: { getMigrations: async () => migrations }, ...others } };
}

async function applied(pool: pg.Pool, table: string): Promise<string[]> {
  const { rows } = await pool.query(`select name from ${table} order by name`);
  return rows.map(({ name }) => name);
}

const NAMES = { tableName: 'App"Migrations', lockTableName: 'AppLock' };
const KYSELY_NAMES = { migrationTableName: NAMES.tableName, migrationLockTableName: NAMES.lockTableName };

describe('migrations given with settings', () => {
  test('are recorded as without them where nothing but a provider is given', async () => {
    const pool = (await createDatabase()).pool();
    await bootstrapDatabase(pool, settings(tables('a')));
    await expect(bootstrapDatabase(pool, { migrations: tables('a') })).resolves.toMatchObject({
      changed: false,
    });
  });

  test('are recorded in the tables named, which a Kysely Migrator of the same names goes on with', async () => {
    const pool = (await createDatabase()).pool();
    await bootstrapDatabase(pool, settings(tables('a'), NAMES));

    expect(await applied(pool, '"App""Migrations"')).toEqual(['a']);
    const { rows } = await pool.query(`select to_regclass('kysely_migration') as default_one`);
    expect(rows).toEqual([{ default_one: null }]);
    const { error, results } = await applicationMigrator(
      pool,
      tables('a', 'b'),
      KYSELY_NAMES,
    ).migrateToLatest();
    expect(error).toBeUndefined();
    expect(results?.map(({ migrationName }) => migrationName)).toEqual(['b']);
    await expect(bootstrapDatabase(pool, settings(tables('a', 'b'), NAMES))).resolves.toMatchObject({
      changed: false,
    });
  });

  test('include those that a Kysely Migrator with the same table names has applied before', async () => {
    const pool = (await createDatabase()).pool();
    await applicationMigrator(pool, tables('a'), KYSELY_NAMES).migrateToLatest();

    const { migrations } = await bootstrapDatabase(pool, settings(tables('a', 'b'), NAMES));

    expect(migrations.map(({ name }) => name)).toEqual(['0001_casbin', '0002_providers', 'b']);
  });

  test('are found on the search_path, where the table has a name that must be quoted', async () => {
    const database = await createDatabase();
    await database.pool().query('create schema app');
    const pool = database.pool({ options: '-c search_path=app,public' });
    await applicationMigrator(database.pool(), tables('a'), KYSELY_NAMES).migrateToLatest();

    const { migrations } = await bootstrapDatabase(pool, settings(tables('a'), NAMES));

    expect(migrations.map(({ name }) => name)).toEqual(['0001_casbin', '0002_providers']);
  });

  test('run in the schema of that table, and seeders in that of the rules', async () => {
    const database = await createDatabase();
    await database.pool().query('create schema app');
    const pool = database.pool({ options: '-c search_path=app,public' });
    await applicationMigrator(database.pool(), tables('a')).migrateToLatest();
    const seen: unknown[] = [];
    const witness: Seeder = {
      name: 'witness',
      async seed({ db }) {
        const { rows } = await sql`
          select current_schema() as own, to_regclass('t_b')::text as made, to_regclass('app.casbin')::text as rules
        `.execute(db);
        seen.push(...rows);
        return { inserted: 0, existing: 0 };
      },
    };

    await bootstrapDatabase(pool, { ...settings(tables('a', 'b')), seeders: [witness] });

    expect(seen).toEqual([{ own: 'app', made: 't_b', rules: 'casbin' }]);
    expect(await applied(pool, 'public.kysely_migration')).toEqual(['a', 'b']);
  });

  test('may come out of order only where that is allowed', async () => {
    const pool = (await createDatabase()).pool();
    await bootstrapDatabase(pool, settings(tables('a', 'c')));

    const later = tables('a', 'b', 'c');
    await expect(bootstrapDatabase(pool, settings(later))).rejects.toMatchObject({
      code: 'MIGRATION_FAILED',
    });
    await expect(
      bootstrapDatabase(pool, settings(later, { allowUnorderedMigrations: true })),
    ).resolves.toMatchObject({ migrations: [{ name: 'b' }] });
  });

  test('let an older release start after a newer one, also to write missing rules', async () => {
    const pool = (await createDatabase()).pool();
    await bootstrapDatabase(pool, settings(tables('a', 'b'), NAMES));
    const older = settings(tables('a'), NAMES);
    const { logger, lines } = captureLog();

    await expect(bootstrapDatabase(pool, { ...older, logger })).resolves.toMatchObject({ changed: false });
    expect(linesOf(lines, 'unknown_migrations'), 'seen without a lock').toMatchObject([{ names: ['b'] }]);
    await pool.query(`delete from casbin where rule = '["admin", "user"]'`);
    await expect(bootstrapDatabase(pool, older)).resolves.toMatchObject({ changed: true, migrations: [] });
  });

  test('leave a Kysely Migrator in public alone, where they are in another schema', async () => {
    const pool = (await createDatabase()).pool();
    await bootstrapDatabase(pool, { ...settings(tables('a'), NAMES), schema: 'auth' });

    const migrator = applicationMigrator(pool, tables('x'));
    await expect(migrator.migrateToLatest()).resolves.toMatchObject({ results: [{ migrationName: 'x' }] });

    expect(await applied(pool, 'auth."App""Migrations"')).toEqual(['a']);
    expect(await applied(pool, 'public.kysely_migration')).toEqual(['x']);
    await expect(
      bootstrapDatabase(pool, { ...settings(tables('a'), NAMES), schema: 'auth' }),
    ).resolves.toMatchObject({ changed: false });
  });

  test('a migration may be called provider', async () => {
    const pool = (await createDatabase()).pool();
    const { migrations } = await bootstrapDatabase(pool, { migrations: tables('provider') });
    expect(migrations.at(-1)?.name).toBe('provider');
  });

  const provider = { getMigrations: async () => ({}) };
  test.each<[string, object, RegExp]>([
    ['migrations.provider', { provider: 5 }, /^must be a MigrationProvider with a getMigrations method/],
    ['migrations.provider', { provider: {} }, /must be a MigrationProvider with a getMigrations method/],
    [
      'migrations.table',
      { provider, table: 'x' },
      /^there is no such option\. Known are provider, tableName/,
    ],
    ['migrations.tableName', { provider, tableName: '' }, /^must not be empty/],
    ['migrations.lockTableName', { provider, lockTableName: 'x'.repeat(64) }, /^must not be longer/],
    ['migrations.allowUnorderedMigrations', { provider, allowUnorderedMigrations: 1 }, /^must be true or/],
    ['migrations', { provider, tableName: 'a', lockTableName: 'a' }, /^must name two different tables/],
    ['migrations', { provider, lockTableName: 'casbin_bootstrap_lock' }, /^must not name a table of casbin-/],
    [
      'migrations',
      { provider, tableName: 'casbin_bootstrap_migration' },
      /^must not name a table of casbin-bootstrap itself \([\w, ]+\)\.$/,
    ],
  ])('that are wrong are problems of the options: %s %o', async (at, given, message) => {
    const problems = await problemsOf({ migrations: given });
    expect(problems).toHaveLength(1);
    expect(problems[0]?.at).toMatch(new RegExp(`^${at}`));
    expect(problems[0]?.message).toMatch(message);
  });
});
