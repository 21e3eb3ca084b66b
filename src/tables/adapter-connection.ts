import { type ClientLike, isClient, type PoolLike } from '../database/client.ts';
import { explainConnectFailure } from '../database/connect-failure.ts';
import { CommitOutcomeUnknown, commit } from '../database/dialect.ts';
import type { Engine } from '../database/engine.ts';
import {
  ConnectFailure,
  isConnectionLoss,
  Session,
  type SessionLimits,
  withSession,
} from '../database/session.ts';
import { errorCode, SQLSTATE } from '../database/sqlstates.ts';
import { expectTable, findRuleTable, type TableChoice } from './find-rule-table.ts';
import type { RuleTable } from './rule-table.ts';

type Work<T> = (client: ClientLike) => Promise<T>;

/** Where the adapter's statements run. */
export interface Connection {
  /** Runs work of one statement. */
  run<T>(work: Work<T>): Promise<T>;
  /** The same for a statement that changes something: it may be a transaction of its own, and has no other commit. */
  change<T>(work: Work<T>): Promise<T>;
  /** Runs work of several statements that take effect together or not at all, on the engine that a table is on. */
  atomically<T>(work: Work<T>, engine: Engine): Promise<T>;
}

/**
 * Runs work of one statement that changes something. At a stricter isolation level than `read committed`, which may be
 * the default of the connection, a statement fails if others change the same rows meanwhile: then it runs once more, at
 * `read committed`.
 */
export async function runAlone<T>(connection: Connection, work: Work<T>, engine: Engine): Promise<T> {
  try {
    return await connection.change(work);
  } catch (error) {
    if (errorCode(error) !== SQLSTATE.SERIALIZATION_FAILURE || engine.commitsDdl) throw error;
    return connection.atomically(work, engine).catch((again: unknown) => {
      // The caller's own transaction has been aborted by the first error.
      throw errorCode(again) === SQLSTATE.IN_FAILED_SQL_TRANSACTION ? error : again;
    });
  }
}

/**
 * The connection of a `source`: a pool gives each piece of work a client of its own; a client does one piece of work
 * after the other.
 *
 * @param limits those of the sessions on a pool
 */
export function connectionOf(source: PoolLike | ClientLike, limits: SessionLimits = {}): Connection {
  return isClient(source) ? callersConnection(source) : pooledConnection(source, limits);
}

function pooledConnection(pool: PoolLike, limits: SessionLimits): Connection {
  const within = <T>(work: (session: Session) => Promise<T>) =>
    withSession(pool, work, limits).catch((error: unknown) => {
      throw error instanceof ConnectFailure ? explainConnectFailure(error.cause) : error;
    });
  return {
    run: (work) => within(({ client }) => work(client)),
    change: (work) => within(({ client }) => work(client).catch(refuseToGuess)),
    atomically: (work, engine) =>
      within((session) => inTransaction(session, () => work(session.client), engine)),
  };
}

/** The last call on each client, of any adapter. */
const lastTurns = new WeakMap<ClientLike, Promise<unknown>>();

function callersConnection(client: ClientLike): Connection {
  const session = new Session(client);
  // Calls that overlap would mix their statements and savepoints.
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = (lastTurns.get(client) ?? Promise.resolve()).then(work);
    lastTurns.set(
      client,
      turn.catch(() => undefined),
    );
    return turn;
  };
  return {
    run: (work) => inTurn(() => work(session.client)),
    change: (work) =>
      inTurn(() =>
        work(session.client).catch((error: unknown) => {
          if (wasInTransaction(client)) throw error;
          return refuseToGuess(error);
        }),
      ),
    atomically: (work, engine) => inTurn(() => inSavepoint(session, () => work(session.client), engine)),
  };
}

/** Outside of a transaction, a statement whose answer was lost with the connection may have been committed. */
function refuseToGuess(cause: unknown): never {
  if (!isConnectionLoss(cause)) throw cause;
  throw new CommitOutcomeUnknown('The connection was lost before the server answered', { cause });
}

/** Whether a transaction was open when the server last answered. False for a client that does not know. */
function wasInTransaction(client: ClientLike & { getTransactionStatus?(): unknown }): boolean {
  return client.getTransactionStatus?.() === 'T';
}

const SAVEPOINT = 'casbin_bootstrap_adapter';

/** Runs `work` in a transaction of its own. The client must not be in one. */
async function inTransaction<T>(
  session: Session,
  work: () => Promise<T>,
  { writeIsolation }: Engine,
): Promise<T> {
  // At a stricter default level, a statement that waited for a lock would not see what its holder has done.
  await session.client.query(`begin isolation level ${writeIsolation}`);
  return settle(session, work, { keep: () => commit(session), undo: ['rollback'] });
}

/**
 * Runs `work` as a part of the transaction that is open on the client, which stays usable when `work` fails. If none is
 * open, `work` runs in a transaction of its own.
 */
async function inSavepoint<T>(session: Session, work: () => Promise<T>, engine: Engine): Promise<T> {
  if (!engine.hasSavepoints) return withoutSavepoint(session, work, engine);
  if (!(await setSavepoint(session.client))) return inTransaction(session, work, engine);
  return settle(session, work, {
    keep: () => session.client.query(`release savepoint ${SAVEPOINT}`),
    undo: [`rollback to savepoint ${SAVEPOINT}`, `release savepoint ${SAVEPOINT}`],
  });
}

/** As {@link inSavepoint}; a transaction in which `work` fails is aborted, and can then only be rolled back. */
async function withoutSavepoint<T>(session: Session, work: () => Promise<T>, engine: Engine): Promise<T> {
  const { client } = session;
  if (!(await isInTransaction(client))) return inTransaction(session, work, engine);
  try {
    return await work();
  } catch (error) {
    await client.query('select 1 / 0').catch(() => {});
    throw error;
  }
}

/** In a transaction, `now()` is the time at which it began. */
async function isInTransaction(client: ClientLike): Promise<boolean> {
  const readNow = async () => (await client.query('select now()::text as now')).rows[0].now;
  const first = await readNow();
  return first === (await readNow());
}

/** False if no transaction is open: PostgreSQL can't be asked for that, but then refuses a savepoint. */
async function setSavepoint(client: ClientLike): Promise<boolean> {
  try {
    await client.query(`savepoint ${SAVEPOINT}`);
    return true;
  } catch (error) {
    if (errorCode(error) === SQLSTATE.NO_ACTIVE_SQL_TRANSACTION) return false;
    throw error;
  }
}

interface Ending {
  readonly keep: () => Promise<unknown>;
  readonly undo: readonly string[];
}

async function settle<T>(session: Session, work: () => Promise<T>, { keep, undo }: Ending): Promise<T> {
  try {
    const result = await work();
    await keep();
    return result;
  } catch (error) {
    await undoAll(session, undo);
    throw error;
  }
}

/** Its own error is ignored: it fails only on a connection that is lost or stuck, and the first error matters more. */
async function undoAll(session: Session, statements: readonly string[]): Promise<void> {
  try {
    for (const statement of statements) await session.client.query(statement);
  } catch (error) {
    session.markBroken(error);
  }
}

/** Finds the table of an adapter. */
export interface TableFinder {
  /** As it was when it was last looked for; it is looked for at the first call, and again while it is missing. */
  last(): Promise<RuleTable>;
  /** With the columns that it has now: a table of columns may have got more of them. */
  now(): Promise<RuleTable>;
}

/** A table that is given in full is not looked for. */
export function tableFinder(
  connection: Connection,
  schema: string | undefined,
  choice: TableChoice,
  engine: Engine | undefined,
): TableFinder {
  const expected = expectTable(choice, schema, engine);
  const isSaidInFull = choice.name !== undefined && choice.layout !== undefined;
  let known: RuleTable | undefined = isSaidInFull && expected.isKnownUnseen ? expected : undefined;
  const look = async () => {
    const { table, isMissing } = await connection.run((client) =>
      findRuleTable(client, schema, choice, engine),
    );
    if (!isMissing) known = table;
    return table;
  };
  return {
    last: async () => known ?? look(),
    now: async () => (known?.layout === 'document' ? known : look()),
  };
}
