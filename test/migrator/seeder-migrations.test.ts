import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { bootstrapDatabase, providerSeeder, rowSeeder } from '../../src/index.ts';
import { createDatabase } from '../support/database.ts';

const currencies = rowSeeder({
  name: 'currencies',
  table: 'currencies',
  key: 'code',
  rows: [{ code: 'EUR' }, { code: 'USD' }],
  migrations: {
    currencies_0001: {
      up: async (db) => {
        await db.schema
          .createTable('currencies')
          .addColumn('code', 'char(3)', (column) => column.primaryKey())
          .execute();
      },
    },
  },
});

const aardvarks = rowSeeder({
  name: 'aardvarks',
  table: 'aardvarks',
  key: 'id',
  rows: [{ id: 1 }],
  migrations: {
    // Its name comes before all that are applied.
    '0000_aardvarks': {
      up: async (db) => {
        await sql`create table aardvarks (id int primary key)`.execute(db);
      },
    },
  },
});

test('a seeder brings its table along', async () => {
  const database = await createDatabase();

  const report = await bootstrapDatabase(database.pool(), { seeders: [currencies] });

  expect(report.migrations.map(({ name }) => name)).toEqual(['0001_casbin', 'currencies_0001']);
  expect(report.seeders[1]).toMatchObject({ name: 'currencies', inserted: 2 });
  const { rows } = await database.pool().query(`select to_regclass('providers') as providers`);
  expect(rows, 'only what its seeders need').toEqual([{ providers: null }]);
});

test('seeders may be added later, whatever the names of their migrations', async () => {
  const database = await createDatabase();
  await bootstrapDatabase(database.pool(), { seeders: [currencies] });

  const report = await bootstrapDatabase(database.pool(), {
    seeders: [aardvarks, providerSeeder(), currencies],
  });

  expect(report.migrations.map(({ name }) => name)).toEqual(['0000_aardvarks', '0002_providers']);
});

test('seeders may be dropped later, and what they made stays', async () => {
  const database = await createDatabase();
  const pool = database.pool();
  await bootstrapDatabase(pool, { seeders: [providerSeeder(), currencies] });

  await expect(bootstrapDatabase(pool, { seeders: [] })).resolves.toMatchObject({ changed: false });
  await expect(bootstrapDatabase(pool, { seeders: [aardvarks] })).resolves.toMatchObject({
    changed: true,
    migrations: [{ name: '0000_aardvarks' }],
  });
  await expect(bootstrapDatabase(pool, { seeders: [currencies] })).resolves.toMatchObject({ changed: false });
});
