import type { ClientLike, PoolLike } from './client.ts';
import { errorCode, SQLSTATE } from './sqlstates.ts';

/** Node's codes for a connection that is gone, and PostgreSQL's for one that it ended. */
const LOSS_CODES: ReadonlySet<string> = new Set([
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  SQLSTATE.ADMIN_SHUTDOWN,
  SQLSTATE.CRASH_SHUTDOWN,
  SQLSTATE.CANNOT_CONNECT_NOW,
  SQLSTATE.IDLE_IN_TRANSACTION_TIMEOUT,
]);

/** A checked-out client, and whether it is still any good. */
export class Session {
  readonly client: ClientLike;
  #broken: Error | null = null;

  constructor(client: ClientLike) {
    this.client = client;
  }

  /** Why the client must not go back to its pool; null while it may. */
  get broken(): Error | null {
    return this.#broken;
  }

  /** Has the client destroyed instead of returned. */
  markBroken(error: unknown): void {
    this.#broken ??= error instanceof Error ? error : new Error(String(error));
  }
}

/** Thrown when no client could be had. */
export class ConnectFailure extends Error {}

/** Runs `work` with one client of the pool, which is returned afterwards, or destroyed when it is broken. */
export async function withSession<T>(pool: PoolLike, work: (session: Session) => Promise<T>): Promise<T> {
  const client = await checkOut(pool).catch((cause: unknown) => {
    throw new ConnectFailure('No connection', { cause });
  });
  const session = new Session(client);
  // Without a listener, a backend that is killed between two statements would end the process.
  const onError = (error: Error) => session.markBroken(error);
  client.on?.('error', onError);
  try {
    return await work(session);
  } catch (error) {
    if (isConnectionLoss(error)) session.markBroken(error);
    throw error;
  } finally {
    client.removeListener?.('error', onError);
    client.release?.(session.broken ?? undefined);
  }
}

/** Asynchronous as a whole: for a connection string that is none, a pool throws before there is a promise. */
async function checkOut(pool: PoolLike): Promise<ClientLike> {
  const client: ClientLike | undefined = await pool.connect();
  if (typeof client?.query !== 'function')
    throw new TypeError("the pool's connect() gave no client to query");
  return client;
}

/** Whether an error says that the connection is gone. */
export function isConnectionLoss(error: unknown): boolean {
  const code = errorCode(error);
  // Class 08 is PostgreSQL's for connection exceptions.
  return code !== undefined && (LOSS_CODES.has(code) || /^08...$/.test(code));
}
