import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryId,
  type QueryResult,
  type TransactionSettings,
} from 'kysely';
import type { QueryResultLike } from './client.ts';
import { type Engine, POSTGRESQL } from './engine.ts';
import { isOwnQuery, OWN_QUERIES } from './own-queries.ts';
import {
  NestedTransactionRefused,
  refuseNul,
  refuseTransactionControl,
  TransactionAborted,
  TransactionOver,
} from './refused-statement.ts';
import { isConnectionLoss, type Session } from './session.ts';
import { REMEMBER_SETTINGS } from './settings.ts';
import { errorCode, SQLSTATE } from './sqlstates.ts';

/** The answer of a commit never came, so it is unknown whether it happened. The `cause` is the loss. */
export class CommitOutcomeUnknown extends Error {}

/** An ignored error had aborted the transaction, so the commit was a rollback. */
export class CommittedNothing extends Error {}

/** The settings of each transaction, from its first statement on. */
export interface TransactionLimits {
  readonly lockTimeoutMs: number;
  /** Default: the connection's own setting. */
  readonly statementTimeoutMs?: number | undefined;
  /** Default: the connection's own setting, and {@link DEFAULT_IDLE_MS} where it has none. */
  readonly idleInTransactionTimeoutMs?: number | undefined;
  /** Default: PostgreSQL itself. */
  readonly engine?: Engine;
  /** Whether a transaction that writes remembers the settings of the session, for restoreSettings. Default: false. */
  readonly remembersSettings?: boolean;
  /** Whether a transaction that only reads ends what code of the application has set in it. Default: false. */
  readonly endsSettings?: boolean;
}

/**
 * How long a transaction may wait for its client by default: shorter than others wait for its lock, because a client
 * that disappears without a message keeps that lock for so long.
 */
export const DEFAULT_IDLE_MS = 20_000;

/**
 * A Kysely over one client: everything that runs on it runs on that connection.
 *
 * It has at most one transaction and refuses to begin a second. Kysely's Migrator takes no lock of its own through it:
 * that lock is session-level, so it would stay after the transaction, and get lost behind a pooler.
 *
 * Queries on it are the library's own; queries on its `withoutPlugins()` are the application's.
 */
// biome-ignore lint/suspicious/noExplicitAny: seeders and migrations bring their own tables
export function createKysely(session: Session, limits?: TransactionLimits): Kysely<any> {
  const dialect: Dialect = {
    createDriver: () => new SingleClientDriver(session, limits),
    createAdapter: () => new LocklessAdapter(limits?.engine),
    createQueryCompiler: () => new PostgresQueryCompiler(),
    // Kysely gives it a database without plugins.
    createIntrospector: (db) => new PostgresIntrospector(db.withPlugin(OWN_QUERIES)),
  };
  return new Kysely({ dialect, plugins: [OWN_QUERIES] });
}

export class LocklessAdapter extends PostgresAdapter {
  readonly engine: Engine;

  constructor(engine: Engine = POSTGRESQL) {
    super();
    this.engine = engine;
  }

  override async acquireMigrationLock(): Promise<void> {}
  override async releaseMigrationLock(): Promise<void> {}
}

/** The engine behind a Kysely; PostgreSQL for a Kysely that this library has not created. */
export function engineBehind(db: Pick<Kysely<unknown>, 'getExecutor'>): Engine {
  const { adapter } = db.getExecutor();
  return adapter instanceof LocklessAdapter ? adapter.engine : POSTGRESQL;
}

/** A statement as a builder of Kysely or `sql` has it. */
interface Compilable {
  compile(db: Kysely<unknown>): CompiledQuery;
}

/** How many statements the text of a query has, where it has several. */
const counts = new WeakMap<QueryId, number>();

/** Runs statements without parameters and results: in one round trip, on a Kysely whose transaction takes them all. */
export async function runTogether(db: Kysely<unknown>, statements: readonly Compilable[]): Promise<void> {
  const compiled = statements.map((statement) => statement.compile(db));
  const { adapter } = db.getExecutor();
  if (adapter instanceof LocklessAdapter && !adapter.engine.commitsDdl) {
    const message = CompiledQuery.raw(compiled.map(({ sql }) => sql).join(';\n'));
    counts.set(message.queryId, compiled.length);
    await db.executeQuery(message);
  } else {
    for (const query of compiled) await db.executeQuery(query);
  }
}

class SingleClientDriver implements Driver {
  readonly #session: Session;
  readonly #connection: ClientConnection;
  readonly #limits: TransactionLimits | undefined;
  #inTransaction = false;
  #readOnly = false;

  constructor(session: Session, limits?: TransactionLimits) {
    this.#session = session;
    this.#limits = limits;
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
      throw new NestedTransactionRefused('a transaction inside the transaction of the bootstrap was refused');
    }
    const { isolationLevel, accessMode } = settings;
    const begin = beginStatements(`isolation level ${isolationLevel} ${accessMode}`, this.#limits);
    await this.#session.client.query(begin.join('; ')).catch(async (error: unknown) => {
      // A statement after the begin may have failed, and left the transaction open.
      await this.rollbackTransaction();
      throw error;
    });
    this.#inTransaction = true;
    this.#connection.isOver = false;
    this.#readOnly = accessMode === 'read only';
  }

  async commitTransaction(): Promise<void> {
    // A broken connection must not get the commit.
    if (this.#session.broken !== null) throw this.#session.broken;
    this.#refuseMore();
    if (this.#readOnly && this.#limits?.endsSettings && this.#limits.engine?.hasSettings !== false)
      return this.#endReading();
    const { command } = await commit(this.#session).catch((error: unknown) => {
      throw this.#readOnly && error instanceof CommitOutcomeUnknown ? error.cause : error;
    });
    this.#inTransaction = false;
    if (command === 'ROLLBACK') this.#refuseAborted();
  }

  /** Only a rollback ends what was set for the session. It always succeeds, so an ignored error fails before it. */
  async #endReading(): Promise<void> {
    await this.#session.client.query('select 1; rollback').catch((error: unknown) => {
      if (errorCode(error) === SQLSTATE.IN_FAILED_SQL_TRANSACTION) this.#refuseAborted();
      throw error;
    });
    this.#inTransaction = false;
  }

  #refuseAborted(): never {
    throw new CommittedNothing('The transaction had been aborted before the commit', {
      cause: this.#connection.lastError,
    });
  }

  async rollbackTransaction(): Promise<void> {
    this.#inTransaction = false;
    this.#refuseMore();
    // The error that made the rollback necessary matters more than its failure: the server rolls back by itself.
    await this.#session.client.query('rollback').catch((error: unknown) => this.#session.markBroken(error));
  }

  /** Where the server takes no settings, some steps are no transactions. */
  #refuseMore(): void {
    this.#connection.isOver = this.#limits?.engine?.hasSettings !== false;
  }
}

/** The statements that begin a transaction that only reads, and sees one moment of the database. */
export function beginReading(limits: TransactionLimits): string[] {
  return beginStatements('isolation level repeatable read read only', limits);
}

/**
 * Send them in one round trip, before any other statement, because a query may have to wait for the lock of its table.
 */
function beginStatements(mode: string, limits: TransactionLimits | undefined): string[] {
  const begin = `begin ${mode}`;
  if (limits === undefined || limits.engine?.hasSettings === false) return [begin];
  const { lockTimeoutMs, statementTimeoutMs, idleInTransactionTimeoutMs: idleMs, engine } = limits;
  const remembers = limits.remembersSettings === true && mode.endsWith('read write');
  return [
    begin,
    ...(remembers ? [REMEMBER_SETTINGS] : []),
    ...(engine?.passSettingsOn ? [engine.passSettingsOn] : []),
    `set local lock_timeout = ${lockTimeoutMs}`,
    idleMs === undefined ? LIMIT_IDLENESS : `set local idle_in_transaction_session_timeout = ${idleMs}`,
    // When it is off, a null in a list of values is stored as the text NULL.
    'set local array_nulls = on',
    // Compiling takes longer than any of these queries, but with old statistics the server may do it.
    'set local jit = off',
    ...(statementTimeoutMs === undefined ? [] : [`set local statement_timeout = ${statementTimeoutMs}`]),
  ];
}

/** An operator's own limit stays as it is. */
const LIMIT_IDLENESS = `select set_config('idle_in_transaction_session_timeout', '${DEFAULT_IDLE_MS}', true) where current_setting('idle_in_transaction_session_timeout') = '0'`;

/**
 * Ends the transaction of a session that writes.
 *
 * @throws CommitOutcomeUnknown if the connection is lost meanwhile
 */
export async function commit(session: Session): Promise<QueryResultLike> {
  return session.client.query('commit').catch((cause: unknown) => {
    const isOfServer = /^[0-9A-Z]{5}$/.test(errorCode(cause) ?? '');
    if (session.broken === null && !isConnectionLoss(cause) && isOfServer) throw cause;
    session.markBroken(cause);
    throw new CommitOutcomeUnknown('The connection was lost during the commit', { cause });
  });
}

/** The one connection of a Kysely over one client. */
class ClientConnection implements DatabaseConnection {
  /** Whether its transaction ends or has ended. */
  isOver = false;
  /** The error of the last failing statement, without refusals in an aborted transaction. */
  lastError: unknown;
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  async executeQuery<R>({ sql, parameters, queryId }: CompiledQuery): Promise<QueryResult<R>> {
    refuseTransactionControl(sql);
    refuseNul(sql);
    const isOwn = isOwnQuery(queryId);
    if (this.isOver && !isOwn) throw new TransactionOver();
    const client = isOwn ? this.#session.client : this.#session.applicationClient;
    // A text of several statements can't be sent with parameters, not even with an empty list.
    const ask = () => client.query(sql, parameters.length === 0 ? undefined : [...parameters]);
    const result = await this.#session
      .forStatements(counts.get(queryId) ?? 1, ask)
      .catch((error: unknown) => this.#fail(error));
    // A text of several statements has a result for each of them.
    if (Array.isArray(result)) return { rows: [] };
    const { rows, rowCount, command } = result;
    const affects = ['INSERT', 'UPDATE', 'DELETE', 'MERGE'].includes(command);
    return affects ? { rows, numAffectedRows: BigInt(rowCount ?? 0) } : { rows };
  }

  #fail(error: unknown): never {
    if (errorCode(error) !== SQLSTATE.IN_FAILED_SQL_TRANSACTION) this.lastError = error;
    if (this.lastError === error || this.lastError === undefined) throw error;
    const reason = this.lastError instanceof Error ? this.lastError.message : String(this.lastError);
    throw new TransactionAborted(`An earlier statement failed, and its error was ignored: ${reason}`, {
      cause: this.lastError,
    });
  }

  // biome-ignore lint/correctness/useYield: the interface asks for it, and a single client can't stream
  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error('Streaming is not available inside a bootstrap.');
  }
}
