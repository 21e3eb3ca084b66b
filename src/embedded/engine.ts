import type { ClientConfig } from 'pg';
import { ConnectionError } from '../errors.ts';
import { createDirectory, openDataDirectory } from './data-directory.ts';
import { lockDirectory } from './directory-lock.ts';
import { importOptional } from './optional-import.ts';

/** A running PGlite. */
export interface Engine {
  /** What a `pg.Client` needs to talk to it; a new one for each client. */
  createClientConfig(): ClientConfig;
  /** A copy of all its files, for another engine to start from; uncompressed, tens of megabytes. */
  dump(): Promise<Blob>;
  close(): Promise<void>;
}

/** Starts PGlite in memory, from a dump if there is one, or on a folder that no other process has open meanwhile. */
export async function startEngine(dataDir: string | undefined, dump?: Blob): Promise<Engine> {
  if (dataDir === undefined) return startPglite(dump === undefined ? {} : { loadDataDir: dump });

  await createDirectory(dataDir);
  const lock = await lockDirectory(dataDir);
  try {
    const engine = await openDataDirectory(dataDir, () => startPglite({ dataDir }));
    return { ...engine, close: () => engine.close().finally(() => lock.release()) };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function startPglite({
  dataDir,
  ...options
}: {
  dataDir?: string;
  loadDataDir?: Blob;
}): Promise<Engine> {
  const [{ PGlite }, { createPgConfig }] = await importOptional('@electric-sql/pglite', () =>
    Promise.all([import('@electric-sql/pglite'), import('@electric-sql/pglite/node-postgres')]),
  );
  // The scheme keeps a folder whose name looks like another of PGlite's schemes a folder
  const pglite = new PGlite(dataDir === undefined ? options : { dataDir: `file://${dataDir}` });
  try {
    await pglite.waitReady;
  } catch (cause) {
    throw new ConnectionError('CONNECTION_FAILED', describeStartFailure(dataDir, cause), { cause });
  }
  return {
    createClientConfig: () => createPgConfig(pglite),
    dump: () => pglite.dumpDataDir('none'),
    close: () => pglite.close(),
  };
}

function describeStartFailure(dataDir: string | undefined, cause: unknown): string {
  const reason = cause instanceof Error ? cause.message : String(cause);
  if (dataDir === undefined) return `The embedded database did not start: ${reason}`;
  return (
    `The embedded database in ${dataDir} could not be opened: ${reason}. ` +
    'If nothing in it is worth keeping, delete the folder and start again.'
  );
}
