import type { ClientLike, PoolLike } from './client.ts';

/** What Node's timers can count. */
export const LONGEST_TIMER_MS = 2_147_483_647;

/** Thrown when no client could be had. The `cause` is the pool's own error, or NoClientInTime. */
export class ConnectFailure extends Error {}

/** The pool gave no client within the time that it was given. */
export class NoClientInTime extends Error {
  /** Whether every client of the pool was in use; null where the pool does not tell. */
  readonly allInUse: boolean | null;

  constructor(pool: PoolLike, timeoutMs: number) {
    super(`no client of the pool became free within ${timeoutMs} ms`);
    // Who waits for a new connection does not stand in pg's queue.
    const waiting = Reflect.get(pool, 'waitingCount');
    this.allInUse = typeof waiting === 'number' ? waiting > 0 : null;
  }
}

/**
 * Takes a client from the pool. One that comes after `timeoutMs` is returned at once; 0 waits without end.
 *
 * @throws ConnectFailure
 */
export async function checkOut(pool: PoolLike, timeoutMs: number): Promise<ClientLike> {
  const connecting = connect(pool);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    if (timeoutMs === 0 || timeoutMs > LONGEST_TIMER_MS) return;
    timer = setTimeout(() => reject(new NoClientInTime(pool, timeoutMs)), timeoutMs);
  });
  try {
    return await Promise.race([connecting, late]);
  } catch (cause) {
    if (cause instanceof NoClientInTime) {
      connecting.then(
        (client) => client.release?.(),
        () => {},
      );
    }
    throw new ConnectFailure('No connection', { cause });
  } finally {
    clearTimeout(timer);
  }
}

/** Asynchronous as a whole: for an invalid connection string, a pool throws before there is a promise. */
async function connect(pool: PoolLike): Promise<ClientLike> {
  const client: ClientLike | undefined = await pool.connect();
  if (typeof client?.query !== 'function')
    throw new TypeError("the pool's connect() gave no client to query");
  return client;
}
