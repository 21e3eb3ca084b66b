import { type Kysely, sql } from 'kysely';
import { describe, expect, test } from 'vitest';
import type { SeederContext } from '../../src/seeding/seeder.ts';
import { createDatabase } from '../support/database.ts';
import { refusalOf } from './refusal.fixture.ts';

const CONFLICTS = ['23505', '42P07', '40001', '40P01'];
/** How often an attempt is made before it is given up. */
const ATTEMPTS = 5;

function fail(db: Kysely<unknown>, code: string) {
  return sql.raw(`do $$ begin raise 'met another' using errcode = '${code}'; end $$`).execute(db);
}

describe.each(CONFLICTS)('a conflict that does not go away (%s)', (code) => {
  test('is that of its seeder', async () => {
    const database = await createDatabase();
    let attempts = 0;
    const seed = async ({ db }: SeederContext) => {
      attempts += 1;
      await sql.raw(`do $$ begin raise 'met another' using errcode = '${code}'; end $$`).execute(db);
      return { inserted: 0, existing: 0 };
    };
    const error = await refusalOf(database, { seeders: [{ name: 'odd', seed }] });
    expect(error).toMatchObject({ name: 'SeederError', code: 'SEEDER_FAILED', seeder: 'odd' });
    expect(error.message).toBe(
      `Seeder "odd" failed: met another. It was tried ${ATTEMPTS} times. Nothing was changed.`,
    );
    expect(attempts).toBe(ATTEMPTS);
  });

  test('is that of its migration', async () => {
    const database = await createDatabase();
    const up = async (db: Kysely<unknown>) => void (await fail(db, code));
    const error = await refusalOf(database, { migrations: { odd: { up } } });
    expect(error).toMatchObject({ name: 'MigrationError', code: 'MIGRATION_FAILED', migration: 'odd' });
    expect(error.message).toBe(
      `Migration "odd" failed: met another. It was tried ${ATTEMPTS} times. Nothing was changed.`,
    );
  });

  test('is called one when it belongs to the commit', async () => {
    const database = await createDatabase();
    await database.pool().query(`
      create table stock (id int);
      create function refuse() returns trigger language plpgsql
        as $$ begin raise 'met another' using errcode = '${code}'; end $$;
      create constraint trigger refuse after insert on stock
        deferrable initially deferred for each row execute function refuse();
    `);
    const seed = async ({ db }: SeederContext) => {
      await sql`insert into stock values (1)`.execute(db);
      return { inserted: 1, existing: 0 };
    };
    const error = await refusalOf(database, { seeders: [{ name: 'odd', seed }] });
    expect(error).toMatchObject({ name: 'DatabaseError', code: 'CONFLICT' });
    expect(error.message).toContain(
      `${ATTEMPTS} times in a row: met another. Nothing was changed. Run it again.`,
    );
  });
});
