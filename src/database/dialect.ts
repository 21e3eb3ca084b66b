import {
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryResult,
  type TransactionSettings,
} from 'kysely';
import { isConnectionLoss, type Session } from './session.ts';

/** A commit whose answer never came: it may have happened or not. */
export class CommitOutcomeUnknown extends Error {}

/** Something inside the transaction tried to begin another one, which PostgreSQL would have let end ours. */
export class NestedTransactionRefused extends Error {}

/** The transaction was aborted by an error that somebody swallowed, so the commit was a rollback. */
export class CommittedNothing extends Error {}

/**
 * A Kysely over one client: whatever runs on it, runs on that connection.
 *
 * It holds at most one transaction and refuses to begin a second. Kysely's Migrator takes no lock of its own
 * through it, as that one is session-level: it outlives the transaction, and strands behind a pooler.
 */
// biome-ignore lint/suspicious/noExplicitAny: seeders and migrations bring their own tables
export function createKysely(session: Session): Kysely<any> {
  const dialect: Dialect = {
    createDriver: () => new SingleClientDriver(session),
    createAdapter: () => new LocklessAdapter(),
    createQueryCompiler: () => new PostgresQueryCompiler(),
    createIntrospector: (db) => new PostgresIntrospector(db),
  };
  return new Kysely({ dialect });
}

class LocklessAdapter extends PostgresAdapter {
  override async acquireMigrationLock(): Promise<void> {}
  override async releaseMigrationLock(): Promise<void> {}
}

class SingleClientDriver implements Driver {
  readonly #session: Session;
  readonly #connection: DatabaseConnection;
  #inTransaction = false;

  constructor(session: Session) {
    this.#session = session;
    this.#connection = new ClientConnection(session);
  }

  async init(): Promise<void> {}
  async destroy(): Promise<void> {}
  async releaseConnection(): Promise<void> {}

  async acquireConnection(): Promise<DatabaseConnection> {
    return this.#connection;
  }

  async beginTransaction(_: DatabaseConnection, settings: TransactionSettings): Promise<void> {
    if (this.#inTransaction) {
      throw new NestedTransactionRefused(
        'It began a transaction of its own inside the bootstrap transaction.',
      );
    }
    const { isolationLevel, accessMode } = settings;
    await this.#session.client.query(`begin isolation level ${isolationLevel} ${accessMode}`);
    this.#inTransaction = true;
  }

  async commitTransaction(): Promise<void> {
    const { command } = await this.#session.client.query('commit').catch((cause: unknown) => {
      if (this.#session.broken === null && !isConnectionLoss(cause) && hasSqlstate(cause)) throw cause;
      this.#session.markBroken(cause);
      throw new CommitOutcomeUnknown('The connection was lost during the commit', { cause });
    });
    this.#inTransaction = false;
    if (command === 'ROLLBACK')
      throw new CommittedNothing('The transaction had been aborted before the commit');
  }

  async rollbackTransaction(): Promise<void> {
    this.#inTransaction = false;
    if (this.#session.broken !== null) return;
    // What made the rollback necessary matters more than why it failed: the server rolls back by itself.
    await this.#session.client.query('rollback').catch((error: unknown) => this.#session.markBroken(error));
  }
}

class ClientConnection implements DatabaseConnection {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
    const { rows, rowCount, command } = await this.#session.client.query(sql, [...parameters]);
    const affects = ['INSERT', 'UPDATE', 'DELETE', 'MERGE'].includes(command);
    return affects ? { rows, numAffectedRows: BigInt(rowCount ?? 0) } : { rows };
  }

  // biome-ignore lint/correctness/useYield: the interface asks for it, and a single client can't stream
  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error('Streaming is not available inside a bootstrap.');
  }
}

function hasSqlstate(error: unknown): boolean {
  return error instanceof Error && 'code' in error && /^[0-9A-Z]{5}$/.test(String(error.code));
}
