import { type Kysely, sql } from 'kysely';
import { describe, expect, test } from 'vitest';
import { bootstrapDatabase } from '../../src/bootstrap.ts';
import { InvalidOptionsError, SeederError } from '../../src/errors.ts';
import type { Seeder, SeederContext } from '../../src/seeding/seeder.ts';
import { createBootstrapped } from '../bootstrap/bootstrapped.fixture.ts';
import { createDatabase } from '../support/database.ts';
import { refusalOf } from './refusal.fixture.ts';
import { THROWN } from './thrown.fixture.ts';

const NOTHING = { inserted: 0, existing: 0 };

/** What a bootstrap is refused with whose seeder does this, after it has written something. */
async function seederRefusal(work: (context: SeederContext) => unknown) {
  const database = await createDatabase();
  const seeder: Seeder = {
    name: 'odd',
    async seed(context) {
      await sql`create table written (id int primary key)`.execute(context.db);
      await work(context);
      return NOTHING;
    },
  };
  const error = await refusalOf(database, { seeders: [seeder] });
  expect(error).toMatchObject({ name: 'SeederError', code: 'SEEDER_FAILED', seeder: 'odd' });
  expect(error.message).toMatch(/^Seeder "odd" /);
  return error;
}

function causedByItself(): Error {
  const error = new Error('a circle');
  error.cause = error;
  return error;
}

describe('a seeder', () => {
  test.each([...THROWN, ['an error that is its own cause', causedByItself(), 'a circle'] as const])(
    'that throws %s is named, with its reason and its cause',
    async (_, thrown, reason) => {
      const error = await seederRefusal(() => {
        throw thrown;
      });
      expect(error.message).toBe(`Seeder "odd" failed: ${reason}. Nothing was changed.`);
      expect(error.cause).toBe(thrown);
    },
  );

  test('that does what the server does not support fails with its reason', async () => {
    const error = await seederRefusal(({ db }) =>
      sql`do $$ begin raise feature_not_supported; end $$`.execute(db),
    );
    expect(error.message).toBe('Seeder "odd" failed: feature_not_supported. Nothing was changed.');
  });

  test('whose isSeeded throws is named, too', async () => {
    const database = await createBootstrapped();
    const isSeeded = () => Promise.reject(new Error('no stock'));
    const error = await refusalOf(database, {
      seeders: [{ name: 'odd', isSeeded, seed: async () => NOTHING }],
    });
    expect(error).toMatchObject({
      code: 'SEEDER_FAILED',
      message: 'Seeder "odd" failed: no stock. Nothing was changed.',
    });
  });

  test.each<unknown>([
    undefined,
    null,
    {},
    { inserted: '1', existing: 0 },
    { inserted: -1, existing: 0 },
    { inserted: Number.NaN, existing: 1 },
  ])('that returns no counts is named: %j', async (result) => {
    const database = await createDatabase();
    const error = await refusalOf(database, { seeders: [{ name: 'odd', seed: async () => result }] });
    expect(error).toMatchObject({ code: 'SEEDER_FAILED', seeder: 'odd' });
    expect(error.message).toContain('its seed must return { inserted, existing }');
  });

  test('that ignores an SQL error fails with that error', async () => {
    for (const statement of ['select 1 / 0', 'select * from nowhere', 'insert into casbin values (1)']) {
      const error = await seederRefusal(({ db }) =>
        sql
          .raw(statement)
          .execute(db)
          .catch(() => {}),
      );
      expect(error.message).toMatch(
        /^Seeder "odd" caught an SQL error and continued, but PostgreSQL had aborted the transaction: (division by zero|relation "nowhere" does not exist|null value in column "ptype".*)\. Nothing was changed\. Let it throw/,
      );
    }
  });

  test('that ignores an SQL error and throws another fails with both', async () => {
    const error = await seederRefusal(async ({ db }) => {
      await sql`select 1 / 0`.execute(db).catch(() => {});
      await sql`select 2`.execute(db);
    });
    expect(error.message).toContain('division by zero');
  });

  test.each([
    'commit',
    'COMMIT',
    ' -- done\n commit work;',
    '/* */ end',
    'rollback',
    'abort',
    'begin',
    'start transaction',
    "prepare transaction 'x'",
    'commit and chain',
  ])('that says "%s" is refused before anything is done', async (statement) => {
    const error = await seederRefusal(({ db }) => sql.raw(statement).execute(db));
    expect(error.message).toMatch(
      /must not begin, commit or roll back a transaction.* was refused\. Nothing was changed\. Use the db that it gets\.$/,
    );
  });

  test('that opens a transaction by other means is refused', async () => {
    await seederRefusal(({ db }) => {
      // The types of Kysely 0.29 refuse it too.
      const whoever: Pick<Kysely<unknown>, 'transaction'> = db;
      return whoever.transaction().execute(async () => {});
    });
  });

  test('may use savepoints', async () => {
    const database = await createDatabase();
    const seeder: Seeder = {
      name: 'careful',
      async seed({ db }) {
        await sql`savepoint s`.execute(db);
        await sql`select 1 / 0`.execute(db).catch(() => {});
        await sql`rollback to s`.execute(db);
        await sql`rollback work to savepoint s`.execute(db);
        return NOTHING;
      },
    };
    await expect(bootstrapDatabase(database.pool(), { seeders: [seeder] })).resolves.toMatchObject({
      changed: true,
    });
  });

  test('that resets all settings is refused with that reason, because its transaction has not ended', async () => {
    const error = await seederRefusal(({ db }) => sql`reset all`.execute(db));
    expect(error.message).toContain('must not reset all settings');
  });

  test('that hides a commit behind another statement fails, and the message says that a part may be committed', async () => {
    const database = await createDatabase();
    const seed = async ({ db }: SeederContext) => {
      await sql.raw('select 1; commit').execute(db);
      return NOTHING;
    };
    const error = await bootstrapDatabase(database.pool(), { seeders: [{ name: 'odd', seed }] }).catch(
      (e) => e,
    );
    expect(error).toBeInstanceOf(SeederError);
    expect(error.message).toContain('A part of the changes may be committed');
    expect(error.message).not.toContain('Nothing was changed');
    await expect(bootstrapDatabase(database.pool())).resolves.toBeDefined();
  });

  test('that hands the adapter what can not be stored is named', async () => {
    const error = await seederRefusal(({ adapter }) => adapter.addPolicies('p', 'p', [['\0']]));
    expect(error.cause).toBeInstanceOf(InvalidOptionsError);
  });

  test('that violates a constraint is tried again, and then named', async () => {
    let times = 0;
    const error = await seederRefusal(async ({ db }) => {
      times += 1;
      await sql`insert into written values (1), (1)`.execute(db);
    });
    expect(times).toBe(5);
    expect(error.message).toMatch(
      /^Seeder "odd" failed: duplicate key value .* It was tried 5 times\. Nothing was changed\. If nobody else writes the same, correct what it writes, or let it skip what is already there/,
    );
  });

  test('whose deferred constraint fails at the commit leaves nothing', async () => {
    const database = await createDatabase();
    await database
      .pool()
      .query('create table a (id int primary key, b int references a deferrable initially deferred)');
    const seed = async ({ db }: SeederContext) => {
      await sql`insert into a values (1, 2)`.execute(db);
      return { inserted: 1, existing: 0 };
    };
    const error = await refusalOf(database, { seeders: [{ name: 'odd', seed }] });
    expect(error).toMatchObject({ name: 'DatabaseError', code: 'DATABASE_REFUSED' });
    expect(error.message).toContain('violates foreign key constraint');
  });
});
