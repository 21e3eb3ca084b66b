import { EventEmitter } from 'node:events';
import type { ClientLike, PoolLike } from './client.ts';

export interface HandedOver {
  readonly client: ClientLike;
  readonly loss: Error | undefined;
}

/** How many callers wait for a client of each pool. */
const waiting = new WeakMap<EventEmitter, number>();
const listened = new WeakSet<EventEmitter>();
/** The errors that ended connections of clients before a caller got them. */
const losses = new WeakMap<object, Error>();

/**
 * Runs `connect`, and keeps an error that ends the connection on its way from the pool to the waiting caller. pg's pool
 * removes its own listener from a client and settles the promise later: an error in the same packet as the server's
 * "ready" would have no listener, and end the process.
 */
export async function handOver(pool: PoolLike, connect: () => Promise<ClientLike>): Promise<HandedOver> {
  // Other pools have no such event.
  const emitter = pool instanceof EventEmitter ? pool : undefined;
  if (emitter !== undefined) startWaiting(emitter);
  try {
    const client = await connect();
    return { client, loss: losses.get(client) };
  } finally {
    if (emitter !== undefined) waiting.set(emitter, waitingFor(emitter) - 1);
  }
}

/**
 * One listener for a pool, for any number of callers, because Node warns about more than ten. It stays for the next.
 */
function startWaiting(pool: EventEmitter): void {
  if (!waiting.has(pool)) {
    pool.on('acquire', (client) => {
      if (waitingFor(pool) > 0) keepLoss(client);
    });
  }
  waiting.set(pool, waitingFor(pool) + 1);
}

function waitingFor(pool: EventEmitter): number {
  return waiting.get(pool) ?? 0;
}

function keepLoss(client: EventEmitter): void {
  if (listened.has(client)) return;

  const onError = (error: Error) => losses.set(client, error);
  client.on('error', onError);
  listened.add(client);
  // By then, the waiting caller has the client.
  setImmediate(() => {
    client.removeListener('error', onError);
    listened.delete(client);
  });
}
