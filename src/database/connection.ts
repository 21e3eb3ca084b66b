import type { CompiledQuery, DatabaseConnection, QueryResult } from 'kysely';
import { isOwnQuery } from './own-queries.ts';
import type { Session } from './session.ts';
import { errorCode, SQLSTATE } from './sqlstates.ts';
import { refuseTransactionControl } from './transaction-control.ts';

/**
 * A statement was refused, as an earlier one had failed and somebody went on all the same; Kysely's Migrator does.
 * The `cause` is that earlier error: PostgreSQL's own 25P02 says nothing of it.
 */
export class TransactionAborted extends Error {}

/** PostgreSQL's protocol ends a statement at the first NUL, and can't read what is behind it. */
function refuseNul(sql: string): void {
  const nul = sql.indexOf('\0');
  if (nul === -1) return;
  const before = sql.slice(Math.max(0, nul - 40), nul);
  throw new TypeError(
    `a name or a statement holds a NUL character, which PostgreSQL can't store: behind ${JSON.stringify(before)}`,
  );
}

/** The one connection of a Kysely over one client. */
export class ClientConnection implements DatabaseConnection {
  readonly #session: Session;
  #lastError: unknown;

  constructor(session: Session) {
    this.#session = session;
  }

  async executeQuery<R>({ sql, parameters, queryId }: CompiledQuery): Promise<QueryResult<R>> {
    refuseTransactionControl(sql);
    refuseNul(sql);
    const client = isOwnQuery(queryId) ? this.#session.client : this.#session.applicationClient;
    const { rows, rowCount, command } = await client
      .query(sql, [...parameters])
      .catch((error: unknown) => this.#fail(error));
    const affects = ['INSERT', 'UPDATE', 'DELETE', 'MERGE'].includes(command);
    return affects ? { rows, numAffectedRows: BigInt(rowCount ?? 0) } : { rows };
  }

  /** What the last failing statement failed with, refusals in an aborted transaction left out. */
  get lastError(): unknown {
    return this.#lastError;
  }

  #fail(error: unknown): never {
    if (errorCode(error) !== SQLSTATE.IN_FAILED_SQL_TRANSACTION) this.#lastError = error;
    if (this.#lastError === error || this.#lastError === undefined) throw error;
    const reason = this.#lastError instanceof Error ? this.#lastError.message : String(this.#lastError);
    throw new TransactionAborted(`An earlier statement had failed, and was passed over: ${reason}`, {
      cause: this.#lastError,
    });
  }

  // biome-ignore lint/correctness/useYield: the interface asks for it, and a single client can't stream
  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error('Streaming is not available inside a bootstrap.');
  }
}
