import { rowSeeder } from '../../src/seeding/row-seeder.ts';
import { createBootstrapped } from '../bootstrap/bootstrapped.fixture.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';

/** A database with what a test is about, bootstrapped before unless it is `bare`. */
export async function databaseWith(statements = '', { bare = false } = {}): Promise<TestDatabase> {
  const database = await (bare ? createDatabase() : createBootstrapped({ seeders: [] }));
  if (statements !== '') await database.pool().query(statements);
  return database;
}

/** A seeder of one row of the table `settings`. */
export function settings(options: object = {}) {
  const rows = [{ id: 1, currency: 'EUR' }];
  return rowSeeder({ name: 'settings', table: 'settings', key: 'id', rows, ...options });
}
