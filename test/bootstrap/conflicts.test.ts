import { sql } from 'kysely';
import { describe, expect, test } from 'vitest';
import { bootstrapDatabase, type Seeder, type SeederContext } from '../../src/index.ts';
import { createDatabase } from '../support/database.ts';
import { snapshot } from './database-state.fixture.ts';
import { captureLog, linesOf } from './log.fixture.ts';

/** A seeder that ends in the error that `sql` raises, the first times it runs; it leaves a row each time. */
function failing(times: number, sqlstate: string, attempts: number[] = []): Seeder {
  return {
    name: 'failing',
    async seed({ db }) {
      attempts.push(attempts.length + 1);
      await raw(db, 'create table if not exists mark (n int)');
      await raw(db, `insert into mark values (${attempts.length})`);
      if (attempts.length <= times) {
        await raw(db, `do $$ begin raise exception 'provoked' using errcode = '${sqlstate}'; end $$`);
      }
      return { inserted: 1, existing: 0 };
    },
  };
}

describe('a conflict with somebody else', () => {
  test.for(['23505', '42P07', '42710', '42P06', '40001', '40P01', 'XX000'])(
    'of SQLSTATE %s is tried again, each seeder from the start',
    async (sqlstate) => {
      const database = await createDatabase();
      const pool = database.pool({ max: 1 });
      const { logger, lines } = captureLog();
      const attempts: number[] = [];
      const before: string[] = [];
      const first: Seeder = {
        name: 'first',
        async seed() {
          before.push('run');
          return { inserted: 0, existing: 0 };
        },
      };

      const report = await bootstrapDatabase(pool, {
        seeders: [first, failing(2, sqlstate, attempts)],
        logger,
      });

      expect(attempts).toEqual([1, 2, 3]);
      expect(before).toHaveLength(3);
      expect(report.seeders.map(({ inserted }) => inserted)).toEqual([16, 0, 1]);
      const { rows } = await pool.query('select n from mark');
      expect(rows, 'only the last attempt stays').toEqual([{ n: 3 }]);
      expect(linesOf(lines, 'conflict_retried').map(({ code }) => code)).toEqual([sqlstate, sqlstate]);
    },
  );

  test('that never ends is an error after a few attempts, and leaves no trace', async () => {
    const database = await createDatabase();
    const pool = database.pool({ max: 1 });
    const before = await snapshot(pool);
    const attempts: number[] = [];

    await expect(
      bootstrapDatabase(pool, { seeders: [failing(Number.POSITIVE_INFINITY, '40001', attempts)] }),
    ).rejects.toMatchObject({ seeder: 'failing', cause: { code: '40001' } });

    expect(attempts).toHaveLength(5);
    expect(await snapshot(pool)).toEqual(before);
  });

  test('is none when a seeder fails by its own fault: it runs once', async () => {
    const database = await createDatabase();
    const attempts: number[] = [];

    await expect(
      bootstrapDatabase(database.pool(), { seeders: [failing(1, '22012', attempts)] }),
    ).rejects.toMatchObject({ code: 'SEEDER_FAILED' });
    expect(attempts).toEqual([1]);
  });

  test('that a seeder swallowed is tried again too, as the transaction is lost', async () => {
    const database = await createDatabase();
    let runs = 0;
    const careless: Seeder = {
      name: 'careless',
      async seed({ db }) {
        runs += 1;
        if (runs === 1) {
          await raw(db, `do $$ begin raise unique_violation; end $$`).catch(() => {});
        }
        return { inserted: 0, existing: 0 };
      },
    };

    await expect(bootstrapDatabase(database.pool(), { seeders: [careless] })).resolves.toMatchObject({
      changed: true,
    });
    expect(runs).toBe(2);
  });
});

function raw(db: SeederContext['db'], statement: string) {
  return sql.raw(statement).execute(db);
}
