import { sql } from 'kysely';
import type pg from 'pg';
import { describe, expect, test } from 'vitest';
import { createKysely } from '../../src/database/dialect.ts';
import {
  AdvisoryLockNotGranted,
  acquireBootstrapLock,
  findAdvisoryLockHolders,
  findTableLockHolders,
} from '../../src/database/lock.ts';
import { withSession } from '../../src/database/session.ts';
import { type AnyTransaction, inWriteTransaction } from '../../src/database/transaction.ts';
import { useDatabase } from '../support/database.ts';
import { untilWaiting } from '../tables/rule-table.fixture.ts';

const KYSELY_LOCK = '3853314791062309107';
const OUR_NAMESPACE = 0x6373626e;

const database = useDatabase();
const pool = database.pool();

/** Runs work in a transaction that waits for no lock longer than a moment. */
function hurried<T>(
  work: (trx: AnyTransaction) => Promise<T>,
  from: pg.Pool = pool,
  lockTimeoutMs = 50,
): Promise<T> {
  return withSession(from, (session) => inWriteTransaction(createKysely(session, { lockTimeoutMs }), work));
}

/** Runs work while another session, called `holder`, is in a transaction that has run the statement. */
async function whileHeld<T>(statement: string, work: (pid: number) => Promise<T>): Promise<T> {
  const holder = await database.pool({ application_name: 'holder' }).connect();
  try {
    await holder.query(`begin; ${statement}`);
    return await work((await holder.query('select pg_backend_pid() as pid')).rows[0].pid);
  } finally {
    await holder.query('rollback');
    holder.release();
  }
}

describe('the lock of a bootstrap', () => {
  test('excludes another bootstrap of the same schema, and none of another schema', async () => {
    await hurried(async (trx) => {
      await acquireBootstrapLock(trx, 'one');
      const error: unknown = await hurried((other) => acquireBootstrapLock(other, 'one')).catch(
        (e: unknown) => e,
      );
      expect(error).toBeInstanceOf(AdvisoryLockNotGranted);
      expect(error).toMatchObject({
        owner: 'another bootstrap',
        message: 'The lock of another bootstrap was not granted',
        cause: { code: '55P03' },
      });
      await expect(hurried((other) => acquireBootstrapLock(other, 'two'))).resolves.toBeUndefined();
    });
  });

  test('ends with its transaction', async () => {
    await hurried((trx) => acquireBootstrapLock(trx, 'one'));
    await expect(hurried((trx) => acquireBootstrapLock(trx, 'one'))).resolves.toBeUndefined();
  });

  test('excludes a Migrator of Kysely, and is excluded by one', async () => {
    await hurried(async (trx) => {
      await acquireBootstrapLock(trx, 'one');
      await expect(
        hurried((other) => sql.raw(`select pg_advisory_xact_lock(${KYSELY_LOCK})`).execute(other)),
      ).rejects.toMatchObject({ code: '55P03' });
    });
    await whileHeld(`select pg_advisory_xact_lock(${KYSELY_LOCK})`, async () => {
      await expect(hurried((trx) => acquireBootstrapLock(trx, 'one'))).rejects.toMatchObject({
        owner: "Kysely's Migrator",
      });
    });
  });

  test('is waited for without a statement_timeout, which holds again afterwards', async () => {
    // Longer than a statement takes on a busy machine, and shorter than the wait.
    const impatient = database.pool({ options: '-c statement_timeout=800' });
    const read = async (trx: AnyTransaction) => {
      const { rows } = await sql<{
        timeout: string;
      }>`select current_setting('statement_timeout') as timeout`.execute(trx);
      return rows[0]?.timeout;
    };
    await whileHeld(`select pg_advisory_xact_lock(${OUR_NAMESPACE}, hashtext('one'))`, async () => {
      const waiting = hurried((trx) => acquireBootstrapLock(trx, 'one'), impatient, 1_200);
      await expect(waiting).rejects.toMatchObject({ cause: { code: '55P03' } });
    });
    const after = await hurried(async (trx) => {
      await acquireBootstrapLock(trx, 'one');
      return read(trx);
    }, impatient);
    expect(after).toBe('800ms');
  });

  test('does not change other errors', async () => {
    const aborted = hurried(async (trx) => {
      await sql`select 1 / 0`.execute(trx).catch(() => {});
      await acquireBootstrapLock(trx, 'one');
    });
    await expect(aborted).rejects.not.toBeInstanceOf(AdvisoryLockNotGranted);
  });

  test('does not change the error when somebody else cancels the wait', async () => {
    await whileHeld(`select pg_advisory_xact_lock(${OUR_NAMESPACE}, hashtext('one'))`, () =>
      withSession(pool, (session) =>
        inWriteTransaction(createKysely(session), async (trx) => {
          const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(trx);
          const cancel = async () => {
            await untilWaiting(pool, 1);
            await pool.query('select pg_cancel_backend($1)', [rows[0]?.pid]);
          };
          const [waited] = await Promise.allSettled([acquireBootstrapLock(trx, 'one'), cancel()]);
          expect(waited).toMatchObject({ status: 'rejected', reason: { code: '57014' } });
          throw new Error('rolled back');
        }),
      ).catch((error: unknown) => expect(error).toEqual(new Error('rolled back'))),
    );
  });
});

describe('the holder of an advisory lock', () => {
  const find = (schema?: string) =>
    withSession(pool, (session) => findAdvisoryLockHolders(createKysely(session), schema));

  test.each([
    [`select pg_advisory_lock(${OUR_NAMESPACE}, hashtext('public')); select pg_advisory_unlock_all()`, false],
    [`select pg_advisory_xact_lock(${OUR_NAMESPACE}, hashtext('public'))`, true],
    [`select pg_advisory_xact_lock(${OUR_NAMESPACE}, hashtext('other'))`, false],
    [`select pg_advisory_xact_lock(${OUR_NAMESPACE + 1}, hashtext('public'))`, false],
    [`select pg_advisory_xact_lock((${OUR_NAMESPACE}::bigint << 32) + 7)`, false],
    [`select pg_advisory_xact_lock(${KYSELY_LOCK})`, true],
    [`select pg_advisory_xact_lock_shared(${KYSELY_LOCK})`, false],
    [`select pg_advisory_xact_lock(${BigInt(KYSELY_LOCK) + 1n})`, false],
    ['select 1', false],
  ])('is found among others: %s', async (statement, found) => {
    await whileHeld(statement, async (pid) => {
      const expected = found ? [{ pid, applicationName: 'holder', since: expect.any(Date) }] : [];
      expect(await find()).toEqual(expected);
    });
  });

  test('is found for the given schema', async () => {
    await whileHeld(`select pg_advisory_xact_lock(${OUR_NAMESPACE}, hashtext('other'))`, async (pid) => {
      expect(await find('other')).toMatchObject([{ pid }]);
    });
  });

  test('is not a session that only waits, nor the one that asks', async () => {
    const lock = `select pg_advisory_xact_lock(${OUR_NAMESPACE}, hashtext('public'))`;
    let waiting: Promise<unknown> | undefined;
    await whileHeld(lock, async (pid) => {
      waiting = pool.query(lock);
      await untilWaiting(pool, 1);
      const holders = await hurried(async (trx) => {
        await sql`select pg_advisory_xact_lock_shared(${KYSELY_LOCK}::bigint)`.execute(trx);
        return findAdvisoryLockHolders(trx, 'public');
      });
      expect(holders.map((holder) => holder.pid)).toEqual([pid]);
    });
    await waiting;
  });
});

describe('the holders of locks on tables', () => {
  const find = (schema?: string) =>
    withSession(pool, (session) =>
      findTableLockHolders(createKysely(session), schema, ['casbin', 'app.settings']),
    );
  const make = `
    create schema if not exists app;
    create table if not exists casbin (id int);
    create table if not exists app.casbin (id int);
    create table if not exists app.settings (id int);
    create table if not exists other (id int)`;

  test.each([
    ['lock table casbin in access exclusive mode', undefined],
    ['lock table app.settings in exclusive mode', undefined],
    ['lock table app.casbin in share mode', 'app'],
    ['insert into casbin values (1)', undefined],
    ['select from casbin', undefined],
    ['lock table other in share row exclusive mode', undefined],
  ])('is found: %s', async (statement, schema) => {
    await pool.query(make);
    await whileHeld(statement, async (pid) => {
      expect(await find(schema)).toMatchObject([{ pid, applicationName: 'holder' }]);
    });
  });

  test.each(['select 1', 'select from other', 'insert into other values (1)', 'select from app.casbin'])(
    'do not include sessions whose lock blocks nobody: %s',
    async (statement) => {
      await pool.query(make);
      await whileHeld(statement, async () => expect(await find()).toEqual([]));
    },
  );

  test.each([
    ['lock table casbin in share update exclusive mode', 'insert into casbin values (1)'],
    ['insert into casbin values (1)', 'select from casbin'],
    ['select from casbin', 'lock table other in access exclusive mode'],
  ])('is the one with the strongest lock: %s before %s', async (strong, weak) => {
    await pool.query(make);
    await whileHeld(weak, () =>
      whileHeld(strong, async (pid) => expect(await find()).toMatchObject([{ pid }])),
    );
  });

  test('are all sessions with a lock of that strength, by their pids', async () => {
    await pool.query(make);
    await whileHeld('select from casbin', (first) =>
      whileHeld('select from app.settings', async (second) => {
        const pids = (await find()).map(({ pid }) => pid);
        expect(pids).toEqual([first, second].sort((a, b) => a - b));
      }),
    );
  });
});
