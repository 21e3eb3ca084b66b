import { resolve } from 'node:path';
import pg from 'pg';
import type { ClientLike, PoolLike, QueryResultLike } from '../database/client.ts';
import { ConnectionError, InvalidOptionsError } from '../errors.ts';
import { kindOf } from '../text.ts';
import type { RunningPglite } from './pglite.ts';
import { startFromSnapshot, startOnFolder } from './snapshot.ts';

/** The place of the embedded database's data. */
export interface EmbeddedPoolOptions {
  /** The folder that keeps the data; created if it is not there. Default: none, the data is in memory. */
  dataDir?: string | undefined;
}

/** A PostgreSQL inside this process, used like a `pg.Pool` of size 1. */
export interface EmbeddedPool extends PoolLike {
  /** Waits until the session is free; callers get it in the order in which they asked. */
  connect(): Promise<EmbeddedClient>;
  /** Runs one statement as soon as the session is free. */
  query(text: string, values?: unknown[]): Promise<QueryResultLike>;
  /** Closes the database when every client that was asked for has been released. */
  end(): Promise<void>;
}

/**
 * Gives PGlite, PostgreSQL in WebAssembly, as a pool for development: no server, no installation.
 *
 * It starts at the first `connect()`, which rejects with a `ConnectionError` when `@electric-sql/pglite` is
 * not installed, when the folder can't be used, or when another process has it open for longer than 50 s.
 *
 * @throws InvalidOptionsError when `options` is not an object, or `dataDir` is not the path of a folder
 */
export function createEmbeddedPool(options: EmbeddedPoolOptions = {}): EmbeddedPool {
  const message = explainUnfitOptions(options);
  if (message !== null) {
    throw new InvalidOptionsError([{ code: 'OPTION_INVALID', at: 'options', message }]);
  }
  // PGlite takes a relative path like memory://x for one of its schemes.
  const dataDir = options.dataDir === undefined ? undefined : resolve(options.dataDir);
  return createPool(() => (dataDir === undefined ? startFromSnapshot() : startOnFolder(dataDir)));
}

function explainUnfitOptions(options: unknown): string | null {
  if (typeof options !== 'object' || options === null) {
    return `must be an object of options, as { dataDir } (it is ${kindOf(options)}).`;
  }
  const dataDir: unknown = Reflect.get(options, 'dataDir');
  if (dataDir === undefined || (typeof dataDir === 'string' && dataDir !== '')) return null;
  return `must have the path of a folder as dataDir (it is ${dataDir === '' ? 'empty' : kindOf(dataDir)}). Leave it out for a database in memory.`;
}

/** A pool on a PGlite that is started at the first `connect()`, and closed with the pool. */
function createPool(start: () => Promise<RunningPglite>): EmbeddedPool {
  const turns = new Turns();
  let pglite: RunningPglite | undefined;
  let stopped: ConnectionError | undefined;
  let ending: Promise<void> | undefined;
  let isInUse = false;
  const listeners = new Set<(client: EmbeddedClient) => void>();

  async function connect(): Promise<EmbeddedClient> {
    if (ending) throw new Error('Cannot use a pool after calling end on the pool');
    const endTurn = await turns.take();
    try {
      if (stopped) throw stopped;
      pglite ??= await start();
      isInUse = true;
      return await openSession(pglite, {
        onReleased: (client) => {
          isInUse = false;
          endTurn();
          for (const listener of listeners) listener(client);
        },
        onStopped: (cause) => {
          stopped ??= explainStopped(cause);
        },
      });
    } catch (error) {
      isInUse = false;
      endTurn();
      throw error;
    }
  }

  async function query(text: string, values?: unknown[]): Promise<QueryResultLike> {
    const client = await connect();
    try {
      return await client.query(text, values);
    } finally {
      client.release();
    }
  }

  async function close(): Promise<void> {
    await turns.take();
    await pglite?.close();
  }

  return {
    connect,
    query,
    onlySession: {
      get isInUse() {
        return isInUse || ending !== undefined;
      },
      onRelease(listener) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
    end: () => {
      ending ??= close();
      return ending;
    },
  };
}

/** A further query of a PGlite that has stopped would keep the process busy for ever. */
function explainStopped(cause: Error): ConnectionError {
  return new ConnectionError(
    'CONNECTION_FAILED',
    `The embedded database has stopped: ${cause.message}. End this pool and make another one, without the statement that stopped it.`,
    { cause },
  );
}

interface SessionEvents {
  /** The session has been reset, and another caller may get it. */
  readonly onReleased: (client: EmbeddedClient) => void;
  /** PGlite has stopped, as it does at `copy … from stdin`. The query is rejected too. */
  readonly onStopped: (cause: Error) => void;
}

/** Opens the session as a new `pg` client, so that types, results and errors are node-postgres's own. */
async function openSession(
  pglite: RunningPglite,
  { onReleased, onStopped }: SessionEvents,
): Promise<EmbeddedClient> {
  const client = new pg.Client(pglite.createClientConfig());
  // A listener of the caller that throws ends up here too.
  client.on('error', (error) => {
    if (error.name === 'ExitStatus') onStopped(error);
  });
  await client.connect();

  let released = false;
  const session: EmbeddedClient & Pick<pg.Client, 'getTypeParser'> = {
    getTypeParser: client.getTypeParser,
    async query(text: string | pg.QueryConfig, values?: unknown[]) {
      if (released) throw new Error('Client was closed and is not queryable');
      return client.query(text, values);
    },
    release() {
      if (released) throw new Error('Release called on client which has already been released to the pool.');
      released = true;
      const end = () => onReleased(session);
      resetSession(client).then(end, end);
    },
    on: (event: 'error', listener: (error: Error) => void) => client.on(event, listener),
    removeListener: (event: 'error', listener: (error: Error) => void) =>
      client.removeListener(event, listener),
  };
  return session;
}

/**
 * Ends the client, and removes everything that it left: a transaction, settings, temporary tables, advisory locks.
 *
 * Rolls back in any case: a `begin` that nobody awaited is not yet seen in the transaction status.
 */
async function resetSession(client: pg.Client): Promise<void> {
  try {
    await client.query('rollback');
    await client.query('discard all');
  } finally {
    await client.end();
  }
}

/** Lets one caller at a time continue, in the order in which they asked. */
class Turns {
  #last: Promise<void> = Promise.resolve();

  /** Resolves, when all earlier turns are over, to the function that ends this one. */
  async take(): Promise<() => void> {
    const previous = this.#last;
    let end = () => {};
    this.#last = new Promise((resolve) => {
      end = resolve;
    });
    await previous;
    return end;
  }
}

/** The database's one session, until it is released. */
export interface EmbeddedClient extends ClientLike {
  /** Ends any open transaction, and resets the session for the next caller; a second call throws, as in `pg`. */
  release(error?: Error | boolean): void;
}
