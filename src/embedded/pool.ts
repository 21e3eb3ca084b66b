import { resolve } from 'node:path';
import type { PoolLike } from '../database/client.ts';
import { InvalidOptionsError } from '../errors.ts';
import { kindOf } from '../reason.ts';
import type { EmbeddedClient } from './embedded-client.ts';
import { type Engine, startEngine } from './engine.ts';
import { openSession } from './session.ts';
import { Turns } from './turns.ts';

export interface EmbeddedPoolOptions {
  /** The folder that keeps the data; created if it is not there. Default: none, the data is in memory. */
  dataDir?: string;
}

/** A PostgreSQL inside this process, used like a `pg.Pool` of size 1. */
export interface EmbeddedPool extends PoolLike {
  /** Waits until the session is free; callers get it in the order in which they asked. */
  connect(): Promise<EmbeddedClient>;
  /** Closes the database when every client that was asked for has been released. */
  end(): Promise<void>;
}

/**
 * Gives PGlite, PostgreSQL in WebAssembly, as a pool for development: no server, no installation.
 *
 * @throws InvalidOptionsError for options that are none
 *
 * It starts at the first `connect()`, which rejects with a `ConnectionError` when `@electric-sql/pglite` is
 * not installed, when the folder can't be used, or when another process has it open for longer than 50 s.
 */
export function createEmbeddedPool(options: EmbeddedPoolOptions = {}): EmbeddedPool {
  const message = explainUnfit(options);
  if (message !== null) {
    throw new InvalidOptionsError([{ code: 'OPTION_INVALID', at: 'options', message }]);
  }
  const dataDir = options.dataDir === undefined ? undefined : resolve(options.dataDir);
  return createPool(() => startEngine(dataDir));
}

function explainUnfit(options: unknown): string | null {
  if (typeof options !== 'object' || options === null) {
    return `must be an object of options, as { dataDir } (it is ${kindOf(options)}).`;
  }
  const dataDir: unknown = Reflect.get(options, 'dataDir');
  if (dataDir === undefined || (typeof dataDir === 'string' && dataDir !== '')) return null;
  return `must have the path of a folder as dataDir (it is ${dataDir === '' ? 'empty' : kindOf(dataDir)}), or none for a database in memory.`;
}

/** A pool on an engine that is started at the first `connect()`, and closed with the pool. */
export function createPool(start: () => Promise<Engine>): EmbeddedPool {
  const turns = new Turns();
  let engine: Engine | undefined;
  let ending: Promise<void> | undefined;

  async function connect(): Promise<EmbeddedClient> {
    if (ending) throw new Error('Cannot use a pool after calling end on the pool');
    const endTurn = await turns.take();
    try {
      engine ??= await start();
      return await openSession(engine, endTurn);
    } catch (error) {
      endTurn();
      throw error;
    }
  }

  async function close(): Promise<void> {
    await turns.take();
    await engine?.close();
  }

  return {
    connect,
    end: () => {
      ending ??= close();
      return ending;
    },
  };
}
