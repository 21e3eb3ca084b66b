import { Kysely, PostgresDialect, sql } from 'kysely';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { createKysely, runTogether } from '../../src/database/dialect.ts';
import { NestedTransactionRefused } from '../../src/database/refused-statement.ts';
import { Session } from '../../src/database/session.ts';
import { inReadOnlyTransaction, inWriteTransaction } from '../../src/database/transaction.ts';
import { useDatabase } from '../support/database.ts';
import { openWire } from '../support/wire.ts';
import { type AnyKysely, onKyselyOver, rejectionOf } from './kysely.fixture.ts';

const database = useDatabase();
const pool = database.pool();
const onKysely = onKyselyOver(pool);

async function settings(db: AnyKysely): Promise<Record<string, string>> {
  const { rows } = await sql<Record<string, string>>`
    select
      current_setting('transaction_isolation') as isolation, current_setting('transaction_read_only') as read_only,
      current_setting('lock_timeout') as lock, current_setting('statement_timeout') as statement,
      current_setting('idle_in_transaction_session_timeout') as idle, current_setting('jit') as jit
  `.execute(db);
  return rows[0] ?? {};
}

describe('a Kysely over one client', () => {
  test('has one connection', async () => {
    const pids = await onKysely(async (db) => {
      const read = () => sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(db);
      const results = [await read(), await read(), await inWriteTransaction(db, read)];
      return results.flatMap(({ rows }) => rows.map(({ pid }) => pid));
    });
    expect(new Set(pids).size).toBe(1);
  });

  test('returns the number of rows that a statement affects, and none for a query', async () => {
    await onKysely(async (db) => {
      await sql`create temporary table shop (id int primary key)`.execute(db);
      const run = async (statement: string) => (await sql.raw(statement).execute(db)).numAffectedRows;
      expect(await run('insert into shop values (1), (2), (3)')).toBe(3n);
      expect(await run('update shop set id = id + 10 where id > 1')).toBe(2n);
      expect(await run('delete from shop where id = 1')).toBe(1n);
      expect(await run('delete from shop')).toBe(2n);
      expect(await run('delete from shop')).toBe(0n);
      expect(await run('select 1')).toBeUndefined();
      expect(await run('drop table shop')).toBeUndefined();
    });
  });

  test('gives the rows of a statement that affects some', async () => {
    const result = await onKysely(async (db) => {
      await sql`create temporary table shop (id int)`.execute(db);
      const inserted = await sql`insert into shop values (7) returning id`.execute(db);
      await sql`drop table shop`.execute(db);
      return inserted;
    });
    expect(result.rows).toEqual([{ id: 7 }]);
  });

  test('gives no rows for a text of several statements', async () => {
    const result = await onKysely((db) => sql`select 1; select 2`.execute(db));
    expect(result.rows).toEqual([]);
  });

  test('does not stream', async () => {
    await onKysely(async (db) => {
      const stream = db.selectFrom('pg_class').selectAll().stream();
      await expect(stream.next()).rejects.toThrow('Streaming is not available inside a bootstrap.');
    });
  });

  test('hands out no session-level lock to a Migrator', async () => {
    await onKysely(async (db) => {
      const adapter = db.getExecutor().adapter;
      await adapter.acquireMigrationLock(db, { lockTable: 'x', lockRowId: 'y' });
      const { rows } =
        await sql`select from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()`.execute(db);
      expect(rows).toEqual([]);
      await adapter.releaseMigrationLock(db, { lockTable: 'x', lockRowId: 'y' });
    });
  });

  test('describes tables as any Kysely does', async () => {
    await pool.query('create table described (id int)');
    const tables = await onKysely((db) => db.introspection.getTables());
    await pool.query('drop table described');
    expect(tables.map(({ name }) => name)).toContain('described');
  });
});

describe('statements that go together', () => {
  test('are one message, in order', async () => {
    await using wire = await openWire(database.url);
    const from = database.pool({ connectionString: wire.url, max: 1 });
    const made = await onKysely(
      async (db) => {
        const before = wire.roundTrips;
        await runTogether(db, [
          sql`create temporary table together (n int)`,
          db.schema.createIndex('together_n').on('together').column('n'),
          sql`insert into together values (${sql.lit(1)})`,
        ]);
        expect(wire.roundTrips - before).toBe(1);
        return db.selectFrom('together').selectAll().execute();
      },
      undefined,
      from,
    );
    expect(made).toEqual([{ n: 1 }]);
  });

  test('have the time of as many', async () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const silent = { query: () => new Promise<never>(() => {}) };
    const session = new Session(silent, 1_000);
    const three = [1, 2, 3].map(() => sql`select`);
    const failure = rejectionOf(runTogether(createKysely(session), three));

    await vi.advanceTimersByTimeAsync(2_999);
    expect(session.broken).toBeNull();
    await vi.advanceTimersByTimeAsync(1);

    expect((await failure).message).toContain('within 3000 ms');
    expect(session.broken).not.toBeNull();
  });

  test('are single ones on any other Kysely', async () => {
    const seen: string[] = [];
    const other = new Kysely({
      dialect: new PostgresDialect({ pool: database.pool() }),
      log: ({ query }) => void seen.push(query.sql),
    });
    await runTogether(other, [sql`select 1`, sql`select 2`]);
    expect(seen).toEqual(['select 1', 'select 2']);
  });
});

describe('a transaction', () => {
  test('that writes is read committed, whatever the defaults are', async () => {
    const strict = database.pool({
      options: '-c default_transaction_isolation=serializable -c default_transaction_read_only=on',
    });
    const seen = await onKysely((db) => inWriteTransaction(db, settings), undefined, strict);
    expect(seen).toMatchObject({ isolation: 'read committed', read_only: 'off' });
  });

  test('that reads sees one moment of the database', async () => {
    const seen = await onKysely((db) => inReadOnlyTransaction(db, settings));
    expect(seen).toMatchObject({ isolation: 'repeatable read', read_only: 'on' });
  });

  test('has its limits from the first statement on, and leaves no settings behind', async () => {
    const limits = { lockTimeoutMs: 4_321, statementTimeoutMs: 5_432 };
    const bare = database.pool({
      max: 1,
      options: '-c jit=on -c idle_in_transaction_session_timeout=9s -c statement_timeout=8s',
    });
    const [inside, outside] = await onKysely(
      async (db) => [await inWriteTransaction(db, settings), await settings(db)],
      limits,
      bare,
    );
    expect(inside).toMatchObject({ lock: '4321ms', statement: '5432ms', idle: '9s', jit: 'off' });
    expect(outside).toMatchObject({ lock: '0', statement: '8s', idle: '9s', jit: 'on' });
  });

  test('keeps the statement_timeout of the connection if none is given', async () => {
    const bare = database.pool({ options: '-c statement_timeout=8s' });
    const seen = await onKysely((db) => inWriteTransaction(db, settings), { lockTimeoutMs: 1_000 }, bare);
    expect(seen).toMatchObject({ lock: '1s', statement: '8s' });
  });

  test('has the limits of the connection if none are given', async () => {
    const bare = database.pool({ options: '-c lock_timeout=7s' });
    expect(await onKysely((db) => inWriteTransaction(db, settings), undefined, bare)).toMatchObject({
      lock: '7s',
    });
  });

  test('is begun in one round trip, its limits included', async () => {
    await using wire = await openWire(database.url);
    const through = database.pool({ connectionString: wire.url, max: 1 });
    await onKysely(
      (db) => inWriteTransaction(db, async () => {}),
      { lockTimeoutMs: 1_000, statementTimeoutMs: 2_000 },
      through,
    );
    await through.end();
    expect(wire.statements).toEqual([expect.stringMatching(/^begin .*; set local/), 'commit']);
  });

  test('whose limits the server refuses is not left open', async () => {
    await onKysely(
      async (db, session) => {
        await expect(inWriteTransaction(db, async () => {})).rejects.toMatchObject({ code: '22023' });
        await expect(session.client.query('select 1')).resolves.toBeDefined();
      },
      { lockTimeoutMs: 2 ** 31 },
    );
  });

  test('inside another is refused, and the outer one goes on', async () => {
    await onKysely((db) =>
      inWriteTransaction(db, async (trx) => {
        await sql`create table outer_one (id int)`.execute(trx);
        const error = await rejectionOf(db.transaction().execute(async () => {}));
        expect(error).toBeInstanceOf(NestedTransactionRefused);
        expect(error.message).toBe('a transaction inside the transaction of the bootstrap was refused');
        await expect(sql`commit`.execute(trx)).rejects.toThrow('the statement "commit" was refused');
      }),
    );
    await expect(pool.query('drop table outer_one')).resolves.toBeDefined();
  });

  test('may follow on another, whether that was committed or rolled back', async () => {
    await onKysely(async (db) => {
      await inWriteTransaction(db, async () => {});
      await expect(inWriteTransaction(db, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
      await expect(inWriteTransaction(db, async () => 'done')).resolves.toBe('done');
    });
  });

  test('that fails is rolled back, with the error of what failed', async () => {
    await onKysely(async (db, session) => {
      const failing = inWriteTransaction(db, async (trx) => {
        await sql`create table never_made (id int)`.execute(trx);
        await sql`select 1 / 0`.execute(trx);
      });
      await expect(failing).rejects.toMatchObject({ code: '22012' });
      expect(session.broken).toBeNull();
    });
    await expect(pool.query('select from never_made')).rejects.toMatchObject({ code: '42P01' });
  });
});
