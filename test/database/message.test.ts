import fc from 'fast-check';
import { type RawBuilder, sql } from 'kysely';
import { describe, expect, test } from 'vitest';
import { askInOneMessage } from '../../src/database/message.ts';
import { withSession } from '../../src/database/session.ts';
import { useDatabase } from '../support/database.ts';

const database = useDatabase();
const pool = database.pool();
const LIMITS = { lockTimeoutMs: 1_000 };

function ask(queries: readonly RawBuilder<unknown>[], from = pool) {
  return withSession(from, (session) => askInOneMessage(session, LIMITS, queries));
}

/** Characters that mean something to PostgreSQL in a literal, an array or a comment, and some that do not. */
const HOSTILE = fc.string({
  unit: fc.oneof(
    fc.constantFrom("'", '"', '\\', '$', '{', '}', ',', ';', '--', '/*', 'NULL', '%', '\n', 'E', '$$', '1'),
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }).filter((text) => !text.includes('\0')),
  ),
  maxLength: 20,
});

describe('values in a message', () => {
  test.each(['on', 'off'])(
    'arrive as they are given, with standard_conforming_strings %s',
    async (setting) => {
      const options = `-c standard_conforming_strings=${setting} -c backslash_quote=on`;
      const from = database.pool({ options });
      await fc.assert(
        fc.asyncProperty(HOSTILE, fc.array(fc.option(HOSTILE)), async (text, texts) => {
          const query = sql`select ${text}::text as text, to_json(${texts}::text[]) as texts`;
          expect(await ask([query], from)).toEqual([[{ text, texts }]]);
        }),
        { numRuns: 200 },
      );
    },
  );

  test('may be numbers, booleans and nothing', async () => {
    const query = sql`select 1-${-2}::int as minus, ${1.5}::float8 as half, ${true} as yes, ${null}::text as nothing`;

    expect(await ask([query])).toEqual([[{ minus: 3, half: 1.5, yes: true, nothing: null }]]);
  });

  test('are not parameters in names either', async () => {
    const query = sql`select ${'x'}::text as ${sql.id('a"; drop table b; --$1')}`;

    expect(await ask([query])).toEqual([[{ 'a"; drop table b; --$1': 'x' }]]);
  });

  test('with a NUL character are refused before the server is asked', async () => {
    await expect(ask([sql`select ${`a\0${'b'.repeat(60)}`}`])).rejects.toThrow(
      /holds a NUL character.*: behind "select 'a"$/,
    );
  });

  test('that have no form in SQL are refused', async () => {
    await expect(ask([sql`select ${{ a: 1 }}`])).rejects.toThrow(TypeError);
  });
});

describe('a message', () => {
  test('gives the rows of each query, in a read-only transaction that sees one moment', async () => {
    const isolation = sql`select current_setting('transaction_isolation') as isolation`;
    const access = sql`select current_setting('transaction_read_only') as read_only where false`;

    expect(await ask([isolation, access, sql`select pg_is_in_recovery() as standby`])).toEqual([
      [{ isolation: 'repeatable read' }],
      [],
      [{ standby: false }],
    ]);
  });

  test('leaves no transaction open after an error, and no setting', async () => {
    const single = database.pool({ max: 1 });
    const failing = withSession(single, (session) =>
      askInOneMessage(session, LIMITS, [sql`select set_config('search_path', 'x', true)`, sql`select 1/0`]),
    );

    await expect(failing).rejects.toMatchObject({ code: '22012' });

    const { rows } = await single.query(
      `select current_setting('search_path') as path, now() <> statement_timestamp() as open`,
    );
    expect(rows).toEqual([{ path: '"$user", public', open: false }]);
  });

  test('is refused to a client that gives one result for several statements', async () => {
    const client = { query: async () => ({ rows: [], rowCount: 0, command: 'COMMIT' }) };
    const asking = withSession({ connect: async () => client }, (session) =>
      askInOneMessage(session, LIMITS, [sql`select 1`]),
    );

    await expect(asking).rejects.toThrow('a list with the result of each statement');
  });
});
