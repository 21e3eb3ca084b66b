import type { ClientLike, PoolLike } from '../../database/client.ts';
import { ConnectFailure, Session, withSession } from '../../database/session.ts';
import { inSavepoint, inTransaction } from './transaction.ts';

type Work<T> = (client: ClientLike) => Promise<T>;

/** Where the adapter's statements run. */
export interface Connection {
  /** Runs work of one statement. */
  run<T>(work: Work<T>): Promise<T>;
  /** Runs work of several statements that take effect together or not at all. */
  atomically<T>(work: Work<T>): Promise<T>;
}

/**
 * The connection that `source` stands for: of a pool, a client of its own for each piece of work; of a client,
 * that client, one piece of work after the other.
 */
export function connectionOf(source: PoolLike | ClientLike): Connection {
  return isPool(source) ? pooledConnection(source) : callersConnection(source);
}

/** `connect` alone does not tell: `pg.Client` and a checked-out client have it too, beside what no pool has. */
function isPool(source: PoolLike | ClientLike): source is PoolLike {
  return 'connect' in source && !('release' in source) && !('escapeIdentifier' in source);
}

function pooledConnection(pool: PoolLike): Connection {
  return {
    run: (work) => withPooledSession(pool, ({ client }) => work(client)),
    atomically: (work) =>
      withPooledSession(pool, (session) => inTransaction(session, () => work(session.client))),
  };
}

/** As withSession; when no client can be had, the application's own pool tells it so in its own words. */
function withPooledSession<T>(pool: PoolLike, work: (session: Session) => Promise<T>): Promise<T> {
  return withSession(pool, work).catch((error: unknown) => {
    throw error instanceof ConnectFailure ? error.cause : error;
  });
}

function callersConnection(client: ClientLike): Connection {
  const session = new Session(client);
  let previous: Promise<unknown> = Promise.resolve();
  // Calls that overlap would put their statements between each other's savepoints.
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = previous.then(work);
    previous = turn.catch(() => undefined);
    return turn;
  };
  return {
    run: (work) => inTurn(() => work(session.client)),
    atomically: (work) => inTurn(() => inSavepoint(session, () => work(session.client))),
  };
}
