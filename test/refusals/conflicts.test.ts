import { type Kysely, sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { SeederContext } from '../../src/seeding/seeder.ts';
import { createBootstrapped } from '../bootstrap/bootstrapped.fixture.ts';
import { refusalOf } from './refusal.fixture.ts';

const OWN_FAULT =
  'If nobody else writes the same, correct what it writes, or let it skip what is already there (if not exists, on conflict do nothing); else run it again.';

/** How often an attempt is made before it is given up, and what is to be done then. */
const CONFLICTS: [sqlstate: string, attempts: number, remedy: string][] = [
  ['23505', 5, OWN_FAULT],
  ['42P07', 5, OWN_FAULT],
  ['40001', 10, 'Run it again.'],
  ['40P01', 10, 'Run it again.'],
];

// No pauses between the attempts.
beforeEach(() => void vi.spyOn(Math, 'random').mockReturnValue(0));
afterEach(() => void vi.restoreAllMocks());

function fail(db: Kysely<unknown>, code: string) {
  return sql.raw(`do $$ begin raise 'met another' using errcode = '${code}'; end $$`).execute(db);
}

describe.each(CONFLICTS)('a conflict that does not go away (%s)', (code, limit, remedy) => {
  test('is that of its seeder', async () => {
    const database = await createBootstrapped();
    let attempts = 0;
    const seed = async ({ db }: SeederContext) => {
      attempts += 1;
      await sql.raw(`do $$ begin raise 'met another' using errcode = '${code}'; end $$`).execute(db);
      return { inserted: 0, existing: 0 };
    };
    const error = await refusalOf(database, { seeders: [{ name: 'odd', seed }] });
    expect(error).toMatchObject({ name: 'SeederError', code: 'SEEDER_FAILED', seeder: 'odd' });
    expect(error.message).toBe(
      `Seeder "odd" failed: met another. It was tried ${limit} times. Nothing was changed. ${remedy}`,
    );
    expect(attempts).toBe(limit);
  });

  test('is that of its migration', async () => {
    const database = await createBootstrapped();
    const up = async (db: Kysely<unknown>) => void (await fail(db, code));
    const error = await refusalOf(database, { migrations: { odd: { up } } });
    expect(error).toMatchObject({ name: 'MigrationError', code: 'MIGRATION_FAILED', migration: 'odd' });
    expect(error.message).toBe(
      `Migration "odd" failed: met another. It was tried ${limit} times. Nothing was changed. ${remedy}`,
    );
  });

  test('at the commit is reported as a conflict', async () => {
    const database = await createBootstrapped();
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
      `${limit} times in a row: met another. Nothing was changed. Run it again.`,
    );
  });
});
