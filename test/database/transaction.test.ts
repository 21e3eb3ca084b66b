import { sql } from 'kysely';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { QueryResultLike } from '../../src/database/client.ts';
import { createKysely } from '../../src/database/dialect.ts';
import { Session, withSession } from '../../src/database/session.ts';
import {
  type AnyTransaction,
  inWriteTransaction,
  isSameTransaction,
  markTransaction,
  readAndReleaseLocks,
  searchPathExpression,
  stayAwake,
} from '../../src/database/transaction.ts';
import { useDatabase } from '../support/database.ts';

const database = useDatabase();
const pool = database.pool();

function inTransaction<T>(
  work: (trx: AnyTransaction) => Promise<T>,
  { searchPath }: { searchPath?: string } = {},
): Promise<T> {
  const from = searchPath === undefined ? pool : database.pool({ options: `-c search_path=${searchPath}` });
  return withSession(from, (session) => inWriteTransaction(createKysely(session), work));
}

describe('the search_path expression', () => {
  async function pathWith(schema: string | undefined, searchPath: string): Promise<string | undefined> {
    return inTransaction(
      async (trx) => {
        await sql`select ${searchPathExpression(schema)}`.execute(trx);
        const { rows } = await sql<{ path: string }>`select current_setting('search_path') as path`.execute(
          trx,
        );
        return rows[0]?.path;
      },
      { searchPath },
    );
  }

  test('puts the schema first, and keeps the own path behind it', async () => {
    expect(await pathWith('app', 'shop,public')).toBe('app, shop,public');
  });

  test('quotes the schema', async () => {
    expect(await pathWith('My "App"', 'public')).toBe('"My ""App""", public');
  });

  test('is the schema alone where the path is empty', async () => {
    expect(await pathWith('app', '')).toBe('app');
  });

  test('changes nothing without a schema', async () => {
    expect(await pathWith(undefined, 'shop')).toBe('shop');
  });

  test('ends with the transaction', async () => {
    const single = database.pool({ max: 1 });
    const before = (await single.query('show search_path')).rows;
    await withSession(single, (session) =>
      inWriteTransaction(createKysely(session), (trx) =>
        sql`select ${searchPathExpression('app')}`.execute(trx),
      ),
    );
    expect((await single.query('show search_path')).rows).toEqual(before);
  });
});

describe('a marked transaction', () => {
  test('is the same until it ends', async () => {
    await withSession(pool, async (session) => {
      const db = createKysely(session);
      await inWriteTransaction(db, async (trx) => {
        expect(await isSameTransaction(trx)).toBe(false);
        await markTransaction(trx, 'public');
        expect(await isSameTransaction(trx)).toBe(true);
        expect(await isSameTransaction(db)).toBe(true);
        await session.client.query('commit; begin');
        expect(await isSameTransaction(trx)).toBe(false);
      });
    });
  });
});

describe('reading and releasing locks', () => {
  const locks = async (trx: AnyTransaction) => {
    const { rows } = await sql`
      select from pg_locks where pid = pg_backend_pid() and relation = 'read'::regclass
    `.execute(trx);
    return rows.length;
  };

  test('gives the locks of reading back, and the result', async () => {
    await pool.query('create table read (id int); insert into read values (7)');
    await inTransaction(async (trx) => {
      const { rows } = await readAndReleaseLocks(trx, () => sql`select id from read`.execute(trx));
      expect(rows).toEqual([{ id: 7 }]);
      expect(await locks(trx)).toBe(0);
      await sql`select id from read`.execute(trx);
      expect(await locks(trx), 'without, it keeps them').toBe(1);
    });
    await pool.query('drop table read');
  });

  test('leaves the transaction usable after a failure, and its savepoint released', async () => {
    await inTransaction(async (trx) => {
      await expect(readAndReleaseLocks(trx, () => sql`select 1 / 0`.execute(trx))).rejects.toMatchObject({
        code: '22012',
      });
      await expect(sql`select 1 as one`.execute(trx)).resolves.toMatchObject({ rows: [{ one: 1 }] });
      await expect(sql`release savepoint casbin_bootstrap_read`.execute(trx)).rejects.toThrow(
        'does not exist',
      );
    }).catch(() => {});
  });

  test('releases its savepoint', async () => {
    const releasing = inTransaction(async (trx) => {
      await readAndReleaseLocks(trx, async () => 'read');
      await sql`release savepoint casbin_bootstrap_read`.execute(trx);
    });
    await expect(releasing).rejects.toMatchObject({ code: '3B001' });
  });

  test('fails by what reading failed with, also when releasing the locks fails', async () => {
    const reading = inTransaction((trx) =>
      readAndReleaseLocks(trx, async () => {
        await sql`release savepoint casbin_bootstrap_read`.execute(trx);
        throw new Error('unreadable');
      }),
    );
    await expect(reading).rejects.toThrow('unreadable');
  });
});

test('a transaction is kept awake while work takes, by one statement after the other', async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const answers: (() => void)[] = [];
  const nothing: QueryResultLike = { rows: [], rowCount: 0, command: 'SELECT' };
  const client = {
    query: (text: string) =>
      text === 'select'
        ? new Promise<typeof nothing>((resolve) => answers.push(() => resolve(nothing)))
        : Promise.resolve(nothing),
  };
  let finish = () => {};
  let isOver = false;
  const limits = { idleInTransactionTimeoutMs: 400 };
  const work = () => new Promise<void>((resolve) => (finish = resolve));
  const done = inWriteTransaction(createKysely(new Session(client)), (trx) => stayAwake(trx, limits, work));
  void done.then(() => {
    isOver = true;
  });

  await vi.advanceTimersByTimeAsync(350);
  expect(answers).toHaveLength(1);
  answers[0]?.();
  await vi.advanceTimersByTimeAsync(100);
  expect(answers).toHaveLength(2);

  finish();
  await vi.advanceTimersByTimeAsync(350);
  expect(isOver, 'the commit does not come before the answer').toBe(false);
  answers[1]?.();
  await done;
  expect(answers).toHaveLength(2);
});
