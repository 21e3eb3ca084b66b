import { sql } from 'kysely';
import { describe, expect, test } from 'vitest';
import { bootstrapDatabase, type Migration, rowSeeder } from '../../src/index.ts';
import { applicationMigrator } from '../migration/kysely-migrator.fixture.ts';
import { createDatabase } from '../support/database.ts';
import { readRules, snapshot } from './database-state.fixture.ts';
import { migrateByStockAdapter } from './stock-adapter.fixture.ts';

describe('the search_path of the connection', () => {
  test('decides where the tables are made when no schema is given', async () => {
    const database = await createDatabase();
    await database.pool().query('create schema tenant');
    const pool = database.pool({ options: '-c search_path=tenant,public' });

    await bootstrapDatabase(pool);

    expect(await readRules(pool, 'tenant.casbin')).toHaveLength(16);
    await expect(bootstrapDatabase(pool)).resolves.toMatchObject({ changed: false });
    const { rows } = await pool.query(`select to_regclass('public.casbin') as casbin`);
    expect(rows).toEqual([{ casbin: null }]);
  });

  test('of a role leads to the table that is there already', async () => {
    const database = await createDatabase();
    await migrateByStockAdapter(database.url);
    await database.pool().query('create schema tenant');
    const pool = database.pool({ options: '-c search_path=tenant,public' });

    await expect(bootstrapDatabase(pool)).resolves.toMatchObject({ takeover: { constraintReplaced: true } });

    expect(await readRules(pool, 'public.casbin')).toHaveLength(16);
    await expect(bootstrapDatabase(pool)).resolves.toMatchObject({ changed: false });
  });

  test('leads to the migrations that the application has run itself, wherever the casbin table is', async () => {
    const database = await createDatabase();
    await migrateByStockAdapter(database.url);
    await database.pool().query('create schema tenant');
    const pool = database.pool({ options: '-c search_path=tenant,public' });
    const table = (name: string): Migration => ({
      up: (db) => db.schema.createTable(name).addColumn('id', 'integer').execute(),
    });
    const application = applicationMigrator(database.pool({ options: '-c search_path=tenant,public' }), {
      a: table('t_a'),
    });
    await application.migrateToLatest();
    const options = { migrations: { a: table('t_a'), b: table('t_b') } };

    const report = await bootstrapDatabase(pool, options);

    expect(report.migrations.map(({ name }) => name)).toEqual(['0001_casbin', '0002_providers', 'b']);
    const { rows } = await pool.query(`select to_regclass('tenant.t_b') is not null as beside_the_other`);
    expect(rows).toEqual([{ beside_the_other: true }]);
    expect(await readRules(pool, 'public.casbin')).toHaveLength(16);
    await expect(bootstrapDatabase(pool, options)).resolves.toMatchObject({ changed: false });
  });

  test('of a role that names another schema does not matter beside the option', async () => {
    const database = await createDatabase();
    const owner = database.pool();
    await bootstrapDatabase(owner);
    const before = (await snapshot(owner)).contents;
    const pool = database.pool({ options: '-c search_path=public' });

    await expect(bootstrapDatabase(pool, { schema: 'app' })).resolves.toMatchObject({ changed: true });

    expect(await readRules(owner, 'app.casbin')).toHaveLength(16);
    expect((await snapshot(owner)).contents).toMatchObject(before as object);
  });

  test('stays behind the schema, so that types of public are visible to seeders and migrations', async () => {
    const database = await createDatabase();
    const pool = database.pool();
    await pool.query(`create type mood as enum ('good', 'bad')`);
    const moods = rowSeeder({
      name: 'moods',
      table: 'moods',
      key: 'id',
      rows: [{ id: 1, mood: 'good' }],
      migrations: {
        moods_0001: {
          up: async (db) => {
            await sql`create table moods (id int primary key, mood mood not null)`.execute(db);
          },
        },
      },
    });

    await bootstrapDatabase(pool, { schema: 'app', seeders: [moods] });

    const { rows } = await pool.query('select id, mood from app.moods');
    expect(rows).toEqual([{ id: 1, mood: 'good' }]);
    await expect(bootstrapDatabase(pool, { schema: 'app', seeders: [moods] })).resolves.toMatchObject({
      changed: false,
    });
  });
});
