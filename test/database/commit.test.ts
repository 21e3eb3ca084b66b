import { sql } from 'kysely';
import { describe, expect, test } from 'vitest';
import { CommitOutcomeUnknown, CommittedNothing, createKysely } from '../../src/database/dialect.ts';
import { TransactionAborted } from '../../src/database/refused-statement.ts';
import { Session } from '../../src/database/session.ts';
import { inReadOnlyTransaction, inWriteTransaction } from '../../src/database/transaction.ts';
import { useDatabase } from '../support/database.ts';
import { openWire } from '../support/wire.ts';
import { onKyselyOver, rejectionOf } from './kysely.fixture.ts';

const database = useDatabase();

const pool = database.pool();
const onKysely = onKyselyOver(pool);

describe('an error that was ignored', () => {
  test('is thrown instead of the refusals that follow it', async () => {
    const error = await rejectionOf(
      onKysely((db) =>
        inWriteTransaction(db, async (trx) => {
          await sql`select 1 / 0`.execute(trx).catch(() => {});
          await sql`select 1`.execute(trx);
        }),
      ),
    );
    expect(error).toBeInstanceOf(TransactionAborted);
    expect(error.message).toBe('An earlier statement failed, and its error was ignored: division by zero');
    expect(error.cause).toMatchObject({ code: '22012' });
  });

  test('is the last one, when there were several', async () => {
    const error = await rejectionOf(
      onKysely((db) =>
        inWriteTransaction(db, async (trx) => {
          await sql`savepoint one`.execute(trx);
          await sql`select 1 / 0`.execute(trx).catch(() => {});
          await sql`rollback to savepoint one`.execute(trx);
          await sql`select from nowhere`.execute(trx).catch(() => {});
          await sql`select 1`.execute(trx).catch(() => {});
          await sql`select 1`.execute(trx);
        }),
      ),
    );
    expect(error.cause).toMatchObject({ code: '42P01' });
  });

  test('on the client itself does not change the refusal', async () => {
    const error = await rejectionOf(
      onKysely((db, { client }) =>
        inWriteTransaction(db, async (trx) => {
          await client.query('select 1 / 0').catch(() => {});
          await sql`select 1`.execute(trx);
        }),
      ),
    );
    expect(error).toMatchObject({ code: '25P02' });
  });

  test('makes the commit a rollback, which is an error', async () => {
    const error = await rejectionOf(
      onKysely((db) =>
        inWriteTransaction(db, async (trx) => {
          await sql`select 1 / 0`.execute(trx).catch(() => {});
        }),
      ),
    );
    expect(error).toBeInstanceOf(CommittedNothing);
    expect(error.message).toBe('The transaction had been aborted before the commit');
    expect(error.cause).toMatchObject({ code: '22012' });
  });
});

describe('a commit', () => {
  test('that the server refuses is an error like any other', async () => {
    await pool.query(`
      create table deferred (id int unique deferrable initially deferred);
      insert into deferred values (1)`);
    await onKysely(async (db, session) => {
      const committing = inWriteTransaction(db, (trx) => sql`insert into deferred values (1)`.execute(trx));
      await expect(committing).rejects.toMatchObject({ code: '23505' });
      expect(session.broken).toBeNull();
      await expect(inWriteTransaction(db, async () => 'again')).resolves.toBe('again');
    });
    await pool.query('drop table deferred');
  });

  test.each(['before', 'after'] as const)(
    'that gets no answer is reported: cut %s the server',
    async (moment) => {
      await using wire = await openWire(database.url);
      const through = database.pool({ connectionString: wire.url, max: 1 });
      const error = await rejectionOf(
        onKysely(
          async (db, session) => {
            wire.cutOn(/^commit/, moment);
            await inWriteTransaction(db, async () => {}).finally(() => expect(session.broken).not.toBeNull());
          },
          undefined,
          through,
        ),
      );
      await through.end();
      expect(error).toBeInstanceOf(CommitOutcomeUnknown);
      expect(error.message).toBe('The connection was lost during the commit');
      expect(error.cause).toBeInstanceOf(Error);
    },
  );

  test('of a transaction that only reads is never in doubt', async () => {
    await using wire = await openWire(database.url);
    const through = database.pool({ connectionString: wire.url, max: 1 });
    const error = await rejectionOf(
      onKysely(
        async (db) => {
          wire.cutOn(/^commit/, 'after');
          await inReadOnlyTransaction(db, async () => {});
        },
        undefined,
        through,
      ),
    );
    await through.end();
    expect(error).not.toBeInstanceOf(CommitOutcomeUnknown);
    expect(error.message).toMatch(/Connection terminated/);
  });

  test('that fails without a code of the server is in doubt', async () => {
    for (const code of [undefined, 'ECONNRESET', '235050', 'X23505']) {
      const error = await rejectionOf(
        onKysely((db, session) => {
          const query = session.client.query.bind(session.client);
          const lost = Object.assign(new Error('no answer'), code === undefined ? {} : { code });
          // What a wire that breaks at this very moment looks like, whatever pg makes of it.
          session.client.query = async (text, values) => {
            const result = await query(text === 'commit' ? 'rollback' : text, values);
            if (text === 'commit') throw lost;
            return result;
          };
          return inWriteTransaction(db, async () => {}).finally(() =>
            Reflect.deleteProperty(session.client, 'query'),
          );
        }),
      );
      expect(error, String(code)).toBeInstanceOf(CommitOutcomeUnknown);
    }
  });

  test('of a transaction that writes is in doubt, also after one that only read', async () => {
    await using wire = await openWire(database.url);
    const through = database.pool({ connectionString: wire.url, max: 1 });
    const error = await rejectionOf(
      onKysely(
        async (db) => {
          await inReadOnlyTransaction(db, async () => {});
          wire.cutOn(/^commit/, 'after');
          await inWriteTransaction(db, async () => {});
        },
        undefined,
        through,
      ),
    );
    await through.end();
    expect(error).toBeInstanceOf(CommitOutcomeUnknown);
  });

  test('that ends the connection by an order of the server is in doubt too', async () => {
    await pool.query(`
      create table fatal (id int);
      create function end_session() returns trigger language plpgsql as $$ begin
        perform pg_terminate_backend(pg_backend_pid());
        return null;
      end $$;
      create constraint trigger fatal after insert on fatal
        deferrable initially deferred for each row execute function end_session()`);
    const error = await rejectionOf(
      onKysely((db) => inWriteTransaction(db, (trx) => sql`insert into fatal values (1)`.execute(trx))),
    );
    await pool.query('drop table fatal; drop function end_session()');
    expect(error).toBeInstanceOf(CommitOutcomeUnknown);
    expect(error.cause).toMatchObject({ code: '57P01' });
  });
});

describe('a rollback', () => {
  test('is not sent on a connection that is lost', async () => {
    await using wire = await openWire(database.url);
    const through = database.pool({ connectionString: wire.url, max: 1 });
    await onKysely(
      (db, session) =>
        expect(
          inWriteTransaction(db, async () => {
            session.markBroken(new Error('stuck'));
            throw new Error('gone');
          }),
        ).rejects.toThrow('gone'),
      undefined,
      through,
    );
    await through.end();
    expect(wire.statements).not.toContain('rollback');
  });

  test('that fails does not change the error, and the client is not used again', async () => {
    const nothing = { rows: [], rowCount: null, command: '' };
    const session = new Session({
      query: (text) => (text === 'rollback' ? Promise.reject(new Error('odd')) : Promise.resolve(nothing)),
    });
    const failing = inWriteTransaction(createKysely(session), () => Promise.reject(new Error('work failed')));

    await expect(failing).rejects.toThrow('work failed');
    expect(session.broken?.message).toBe('odd');
  });

  test('that gets no answer does not change the error, and the client is not used again', async () => {
    await using wire = await openWire(database.url);
    const through = database.pool({ connectionString: wire.url, max: 1 });
    const broken = await onKysely(
      async (db, session) => {
        wire.cutOn(/^rollback/, 'before');
        await expect(inWriteTransaction(db, () => Promise.reject(new Error('no stock')))).rejects.toThrow(
          'no stock',
        );
        return session.broken;
      },
      undefined,
      through,
    );
    await through.end();
    expect(broken).toBeInstanceOf(Error);
  });
});
