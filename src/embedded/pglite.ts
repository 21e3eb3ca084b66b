import { open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { ClientConfig } from 'pg';
import { ConnectionError } from '../errors.ts';
import { makeFolder } from '../make-folder.ts';
import { reasonOf } from '../text.ts';

/** A running PGlite. */
export interface RunningPglite {
  /** The stream that a `pg.Client` needs to talk to it; a new one for each client. */
  createClientConfig(): ClientConfig;
  /** A copy of all its files, from which another PGlite can start; uncompressed, tens of megabytes. */
  dump(): Promise<Blob>;
  close(): Promise<void>;
}

/** Starts PGlite in memory, from a dump if there is one. */
export async function startInMemory(dump?: Blob): Promise<RunningPglite> {
  return startPglite(dump === undefined ? {} : { loadDataDir: dump });
}

/**
 * Starts PGlite on a folder, which is created if it is not there, and locks it for other processes. A new cluster is
 * created from a dump if that can be read and used.
 */
export async function startInFolder(dataDir: string, readDump: () => Promise<Blob>): Promise<RunningPglite> {
  try {
    await makeFolder(dataDir);
    return await startLocked(dataDir, readDump);
  } catch (cause) {
    if (cause instanceof ConnectionError) throw cause;
    const message = `The folder ${dataDir} for the embedded database can't be used: ${reasonOf(cause)}. Use another one.`;
    throw new ConnectionError('CONNECTION_FAILED', message, { cause });
  }
}

async function startLocked(dataDir: string, readDump: () => Promise<Blob>): Promise<RunningPglite> {
  const lock = await lockDirectory(dataDir);
  try {
    const pglite = await openDataDirectory(
      dataDir,
      () => startPglite({ dataDir }),
      () => createCluster(dataDir, readDump),
    );
    return { ...pglite, close: () => pglite.close().finally(() => lock.release()) };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function startPglite(options: { dataDir?: string; loadDataDir?: Blob }): Promise<RunningPglite> {
  const [{ PGlite }, { createPgConfig }] = await importOptional('@electric-sql/pglite', () =>
    Promise.all([import('@electric-sql/pglite'), import('@electric-sql/pglite/node-postgres')]),
  );
  const startParams = [...PGlite.defaultStartParams, ...SMALL];
  const pglite = new PGlite({ ...options, startParams });
  try {
    await pglite.waitReady;
  } catch (cause) {
    throw new ConnectionError('CONNECTION_FAILED', describeStartFailure(options.dataDir, cause), { cause });
  }
  return {
    createClientConfig: () => createPgConfig(pglite),
    dump: () => pglite.dumpDataDir('none'),
    close: () => pglite.close(),
  };
}

/** PostgreSQL fills its buffers with zeros at each start. With an eighth of the default, it starts a fifth faster. */
const SMALL = ['-c', 'shared_buffers=16MB'];

function describeStartFailure(dataDir: string | undefined, cause: unknown): string {
  const reason = cause instanceof Error ? cause.message : String(cause);
  if (dataDir === undefined) return `The embedded database did not start: ${reason}`;
  return (
    `The embedded database in ${dataDir} could not be opened: ${reason}. ` +
    'If you do not need its data, delete the folder and start again.'
  );
}

/** A file that marks a folder in which PostgreSQL's files are being written for the first time. */
const INCOMPLETE_MARK = 'casbin-bootstrap.incomplete';

/** PostgreSQL's own mark of a data directory. */
const VERSION_FILE = 'PG_VERSION';

/** Creates a cluster in an empty folder; by initdb if the dump can't be used. */
async function createCluster(dataDir: string, readDump: () => Promise<Blob>): Promise<RunningPglite> {
  try {
    return await startPglite({ dataDir, loadDataDir: await readDump() });
  } catch {
    await clear(dataDir, await contentOf(dataDir));
    return startPglite({ dataDir });
  }
}

/**
 * Runs `open` or, if there is no cluster yet, `create` on a locked folder. If a creation is interrupted, for instance
 * by Ctrl-C, the next one starts anew: half-written files of PostgreSQL could never be opened again.
 *
 * @throws ConnectionError when the folder has files in it and is not a PostgreSQL data directory.
 */
async function openDataDirectory<T>(
  directory: string,
  open: () => Promise<T>,
  create: () => Promise<T>,
): Promise<T> {
  const mark = join(directory, INCOMPLETE_MARK);
  const found = await contentOf(directory);
  if (found.includes(INCOMPLETE_MARK)) {
    await clear(directory, found);
  } else if (found.includes(VERSION_FILE)) {
    return open();
  } else if (found.length > 0) {
    throw new ConnectionError(
      'CONNECTION_FAILED',
      `The folder ${directory} has files in it and is not a PostgreSQL data directory. ` +
        'Use an empty or a new folder for the embedded database.',
    );
  }
  await writeFile(mark, '');
  const created = await create();
  await rm(mark);
  return created;
}

/** The files in the folder except the lock. */
async function contentOf(directory: string): Promise<string[]> {
  return (await readdir(directory)).filter((name) => name !== LOCK_FILE);
}

/** Removes all files but the mark, so that an interrupted removal is recognised too. */
async function clear(directory: string, names: string[]): Promise<void> {
  const content = names.filter((name) => name !== INCOMPLETE_MARK);
  await Promise.all(content.map((name) => rm(join(directory, name), { recursive: true })));
}

/** Unlocking keeps the file: if it were removed, two processes could lock two different files. */
const LOCK_FILE = 'casbin-bootstrap.lock';

/** Shorter than a bootstrap waits for a client, so that the error can name the process that uses the folder. */
const WAIT_MS = 50_000;
const POLL_MS = 50;

/** A folder that no other process can open until `release` is called or this process ends. */
export interface DirectoryLock {
  release(): Promise<void>;
}

/**
 * Locks an existing folder, waiting up to `waitMs` for the process that has locked it.
 *
 * The lock is the operating system's own, so a process that crashes leaves no lock behind. A heartbeat file would not
 * work: PGlite blocks the event loop for seconds, and a database in use would look abandoned.
 */
export async function lockDirectory(directory: string, waitMs = WAIT_MS): Promise<DirectoryLock> {
  const { tryLock } = await importOptional('fs-native-extensions', () => import('fs-native-extensions'));
  const path = join(directory, LOCK_FILE);
  const file = await open(path, 'a+');
  try {
    const deadline = Date.now() + waitMs;
    while (!tryLock(file.fd)) {
      if (Date.now() >= deadline) throw await folderInUse(directory, path, waitMs);
      await pause(POLL_MS);
    }
    await file.truncate();
    await file.write(`${process.pid}\n`);
  } catch (error) {
    await file.close();
    throw error;
  }
  return { release: () => file.close() };
}

async function folderInUse(directory: string, path: string, waitMs: number): Promise<ConnectionError> {
  // Windows does not let a locked file be read
  const pid = await readFile(path, 'utf8').catch(() => '');
  const holder = /^\d+$/.test(pid.trim()) ? `process ${pid.trim()}` : 'another process';
  return new ConnectionError(
    'CONNECTION_FAILED',
    `The embedded database in ${directory} is in use by ${holder} and was not free within ${waitMs} ms. ` +
      'Stop that process or, if it is this one, end its other pool; or use another folder.',
  );
}

/** Loads an optional dependency of the embedded database. Where one is missing, both may be: the error names both. */
export async function importOptional<T>(name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    const remedy =
      Object(cause).code === 'ERR_VM_DYNAMIC_IMPORT_CALLBACK_MISSING_FLAG'
        ? 'Jest refuses `import()` here. Start it with `NODE_OPTIONS=--experimental-vm-modules jest`.'
        : `Run \`npm install @electric-sql/pglite fs-native-extensions\`, or give the URL of a PostgreSQL server in DATABASE_URL.`;
    throw new ConnectionError(
      'CONNECTION_FAILED',
      `The embedded database needs the package ${name}, which could not be loaded here. ${remedy}`,
      { cause },
    );
  }
}
