import { type FileHandle, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { ConnectionError } from '../errors.ts';
import { importOptional } from './optional-import.ts';

/** Stays in the folder when it is unlocked: removing it could let two processes lock two different files. */
export const LOCK_FILE = 'casbin-bootstrap.lock';

/** Less than a bootstrap waits for a client, so that whoever waits is told who has the folder. */
const WAIT_MS = 50_000;
const POLL_MS = 50;

/** A folder that no other process opens until `release` is called or this process is gone. */
export interface DirectoryLock {
  release(): Promise<void>;
}

/**
 * Locks an existing folder, waiting up to `waitMs` for whoever has it.
 *
 * The lock is the operating system's own, so a process that crashes leaves nothing behind. A heartbeat file
 * would not do: PGlite blocks the event loop for seconds, and a live database would look abandoned.
 */
export async function lockDirectory(directory: string, waitMs = WAIT_MS): Promise<DirectoryLock> {
  const { tryLock } = await importOptional('fs-native-extensions', () => import('fs-native-extensions'));
  const path = join(directory, LOCK_FILE);
  const file = await open(path, 'a+');
  try {
    const deadline = Date.now() + waitMs;
    while (!tryLock(file.fd)) {
      if (Date.now() >= deadline) throw await describeHolder(directory, path, waitMs);
      await pause(POLL_MS);
    }
    await signWithPid(file);
  } catch (error) {
    await file.close();
    throw error;
  }
  return { release: () => file.close() };
}

async function signWithPid(file: FileHandle): Promise<void> {
  await file.truncate();
  await file.write(`${process.pid}\n`);
}

async function describeHolder(directory: string, path: string, waitMs: number): Promise<ConnectionError> {
  // Windows does not let a locked file be read
  const pid = await readFile(path, 'utf8').catch(() => '');
  const holder = /^\d+$/.test(pid.trim()) ? `process ${pid.trim()}` : 'another process';
  return new ConnectionError(
    'CONNECTION_FAILED',
    `The embedded database in ${directory} is in use by ${holder} and was not free within ${waitMs} ms. ` +
      'Stop that process, or use another folder.',
  );
}
