import { sql } from 'kysely';
import { describe, expect, test } from 'vitest';
import { bootstrapDatabase, type Seeder, type SeederContext } from '../../src/index.ts';
import { createDatabase } from '../support/database.ts';
import { snapshot, untilBlocked } from './database-state.fixture.ts';
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
  test.for(['23505', '42P07', '42710', '42P06', '40001', '40P01'])(
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

  test('about a row of the catalog is tried again', async () => {
    const database = await createDatabase();
    const pool = database.pool({ max: 3 });
    const made = `create or replace function answer() returns int language sql as 'select 42'`;
    await pool.query(made);
    const other = await pool.connect();
    await other.query('begin');
    await other.query(made);
    const { logger, lines } = captureLog();
    const maker: Seeder = {
      name: 'maker',
      async seed({ db }) {
        await raw(db, made);
        return { inserted: 0, existing: 0 };
      },
    };

    const bootstrap = bootstrapDatabase(pool, { seeders: [maker], logger });
    await untilBlocked(pool);
    await other.query('commit');
    other.release();

    await expect(bootstrap).resolves.toMatchObject({ changed: true });
    expect(linesOf(lines, 'conflict_retried')).toMatchObject([{ code: 'XX000' }]);
  });

  test('that the server has for itself, as an engine does for what it does not support, is not tried again', async () => {
    const database = await createDatabase();
    const attempts: number[] = [];

    await expect(
      bootstrapDatabase(database.pool({ max: 1 }), { seeders: [failing(1, 'XX000', attempts)] }),
    ).rejects.toMatchObject({ code: 'SEEDER_FAILED', cause: { code: 'XX000' } });

    expect(attempts).toEqual([1]);
  });

  test('that never ends is an error after a few attempts, and leaves no trace', async () => {
    const database = await createDatabase();
    const pool = database.pool({ max: 1 });
    const before = await snapshot(pool);
    const attempts: number[] = [];

    await expect(
      bootstrapDatabase(pool, { seeders: [failing(Number.POSITIVE_INFINITY, '23505', attempts)] }),
    ).rejects.toMatchObject({ seeder: 'failing', cause: { code: '23505' } });

    expect(attempts).toHaveLength(5);
    expect(await snapshot(pool)).toEqual(before);
  });

  test.for(['40001', '40P01', '23505'])('that comes at the commit (%s) is tried again too', async (code) => {
    const database = await createDatabase();
    const pool = database.pool({ max: 1 });
    await pool.query(`
      create sequence commits;
      create table stock (id int);
      create function refuse() returns trigger language plpgsql as $$ begin
        if nextval('commits') <= 2 then raise 'met another' using errcode = '${code}'; end if;
        return null;
      end $$;
      create constraint trigger refuse after insert on stock
        deferrable initially deferred for each row execute function refuse();
    `);
    const { logger, lines } = captureLog();
    const stocking: Seeder = {
      name: 'stock',
      async seed({ db }) {
        await raw(db, 'insert into stock values (1)');
        return { inserted: 1, existing: 0 };
      },
    };

    await expect(bootstrapDatabase(pool, { seeders: [stocking], logger })).resolves.toMatchObject({
      changed: true,
      verification: { ok: true },
    });

    expect(linesOf(lines, 'conflict_retried').map((line) => line.code)).toEqual([code, code]);
    const { rows } = await pool.query('select count(*)::int from stock');
    expect(rows, 'only the last attempt stays').toEqual([{ count: 1 }]);
  });

  test('by a deadlock with another session is tried again, once that one is through', async () => {
    const database = await createDatabase();
    const pool = database.pool({ max: 1, options: '-c deadlock_timeout=10ms' });
    const observer = database.pool({ max: 1 });
    await observer.query('create table item (id int, n int); insert into item values (1, 0), (2, 0)');
    // It waits for longer than the test, so that it is the bootstrap that finds the deadlock.
    const other = await database.pool({ options: '-c deadlock_timeout=600s' }).connect();
    await other.query('begin; update item set n = n + 1 where id = 1');
    const { logger, lines } = captureLog();
    let through: Promise<unknown> | undefined;
    const crossing: Seeder = {
      name: 'crossing',
      async seed({ db }) {
        await raw(db, 'update item set n = n + 1 where id = 2');
        if (through === undefined) {
          through = other.query('update item set n = n + 1 where id = 2; commit');
          await untilBlocked(observer);
        }
        await raw(db, 'update item set n = n + 1 where id = 1');
        return { inserted: 0, existing: 2 };
      },
    };

    await expect(bootstrapDatabase(pool, { seeders: [crossing], logger })).resolves.toMatchObject({
      changed: true,
    });

    await through;
    other.release();
    expect(linesOf(lines, 'conflict_retried').map((line) => line.code)).toEqual(['40P01']);
    const { rows } = await observer.query('select n from item order by id');
    expect(rows).toEqual([{ n: 2 }, { n: 2 }]);
  });

  test('is not made when a seeder fails by its own fault: it runs once', async () => {
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
