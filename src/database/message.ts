import {
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type RawBuilder,
} from 'kysely';
import { quoteText } from './catalog.ts';
import type { QueryResultLike } from './client.ts';
import { beginReading, type TransactionLimits } from './dialect.ts';
import { refuseNul } from './refused-statement.ts';
import type { Session } from './session.ts';

/**
 * Runs queries in a read-only transaction that sees one moment of the database, in one round trip: the begin with its
 * limits, the queries and the commit are one message, in which each value is an escaped literal.
 *
 * An error does not say which of the queries it comes from. The transaction has ended by then.
 *
 * @param queries as text where they have no values, or have them in it as {@link toLiteral} writes them
 * @returns the rows of each query
 */
export async function askInOneMessage(
  session: Session,
  limits: TransactionLimits,
  queries: readonly (RawBuilder<unknown> | string)[],
  // biome-ignore lint/suspicious/noExplicitAny: rows are as wide as SQL; each caller names the columns it asked for
): Promise<any[][]> {
  const begin = beginReading(limits);
  const message = [...begin, ...queries.map(writeStatement), 'commit'].join(';\n');
  const results: unknown = await session.client.query(message).catch(async (error: unknown) => {
    await endTransaction(session);
    throw error;
  });
  return resultsOf(results, begin.length + queries.length + 1)
    .slice(begin.length, -1)
    .map(({ rows }) => rows);
}

/**
 * An anonymous block, which decides on the server which statements run. A statement is planned only when it is reached,
 * so it may use a table that does not exist.
 *
 * @param body in PL/pgSQL, with its values written by {@link toLiteral}, because a block can't have parameters
 */
export function anonymousBlock(body: string): string {
  return `do ${toLiteral(body)}`;
}

/** The query as text without parameters. */
function writeStatement(query: RawBuilder<unknown> | string): string {
  // Kysely takes longer to compile a text that is complete than to make it.
  const text = typeof query === 'string' ? query : query.compile(COMPILER).sql;
  refuseNul(text);
  return text;
}

/** A statement after the begin has failed, and left the transaction open. */
async function endTransaction(session: Session): Promise<void> {
  await session.client.query('rollback').catch((error: unknown) => session.markBroken(error));
}

function resultsOf(results: unknown, count: number): QueryResultLike[] {
  if (Array.isArray(results) && results.length === count) return results;
  throw new TypeError(
    "the pool's client must give a list with the result of each statement for a text of several, as pg does",
  );
}

/** Writes values into the text, where Kysely has placeholders for them. */
class LiteralCompiler extends PostgresQueryCompiler {
  protected override appendValue(value: unknown): void {
    this.append(toLiteral(value));
  }
}

/** Provides only the query compiler, and runs nothing. */
const COMPILER = new Kysely<never>({
  dialect: {
    createDriver: () => new DummyDriver(),
    createAdapter: () => new PostgresAdapter(),
    createIntrospector: (db) => new PostgresIntrospector(db),
    createQueryCompiler: () => new LiteralCompiler(),
  },
});

/** A value as SQL that is read the same under any settings of the server. */
export function toLiteral(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  switch (typeof value) {
    case 'string':
      return toText(value);
    case 'number':
    case 'bigint':
      // In brackets, because a minus after an operator would become a part of it.
      return value < 0 ? `(${value})` : String(value);
    case 'boolean':
      return String(value);
    default:
      if (Array.isArray(value)) return toText(`{${value.map(toElement).join(',')}}`);
      throw new TypeError(`a query has a value that it can't have: ${typeof value}`);
  }
}

/** After a letter, the E of an escape string would become a part of that word. */
function toText(text: string): string {
  return quoteText(text).replace(/^E/, ' E');
}

/** An element of an array, as PostgreSQL reads it in a text. */
function toElement(value: unknown): string {
  if (value === null) return 'NULL';
  return `"${String(value).replace(/["\\]/g, '\\$&')}"`;
}
