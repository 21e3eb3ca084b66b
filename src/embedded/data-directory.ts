import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ConnectionError } from '../errors.ts';
import { LOCK_FILE } from './directory-lock.ts';

/** Stands in the folder while PostgreSQL's files are written there for the first time. */
const INCOMPLETE_MARK = 'casbin-bootstrap.incomplete';

/** PostgreSQL's own mark of a data directory. */
const VERSION_FILE = 'PG_VERSION';

/** Creates the folder, parents included, if it is not there. */
export async function createDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true });
  } catch (cause) {
    throw new ConnectionError(
      'CONNECTION_FAILED',
      `The folder ${directory} for the embedded database can't be created. Use another one.`,
      { cause },
    );
  }
}

/**
 * Runs `open` on a locked folder so that a creation which is cut short, by Ctrl-C say, is made up for by the
 * next one: half-written files of PostgreSQL could never be opened again.
 *
 * @throws ConnectionError when the folder has files in it and is not a PostgreSQL data directory.
 */
export async function openDataDirectory<T>(directory: string, open: () => Promise<T>): Promise<T> {
  const found = (await readdir(directory)).filter((name) => name !== LOCK_FILE);
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
  const mark = join(directory, INCOMPLETE_MARK);
  await writeFile(mark, '');
  const opened = await open();
  await rm(mark);
  return opened;
}

/** The mark goes last: a removal that is cut short must be recognised too. */
async function clear(directory: string, names: string[]): Promise<void> {
  const content = names.filter((name) => name !== INCOMPLETE_MARK);
  await Promise.all(content.map((name) => rm(join(directory, name), { recursive: true })));
  await rm(join(directory, INCOMPLETE_MARK));
}
