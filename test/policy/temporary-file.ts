import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InvalidOptionsError } from '../../src/errors.ts';
import { createFolder } from '../support/folder.ts';

/** Writes a file of this name and content where only this test looks; returns its path. */
export async function writeTemporary(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(await createFolder(), name);
  await writeFile(path, content);
  return path;
}

/** The problems that a load fails with, one a line: `3:5 OPTION_INVALID message`. */
export async function loadProblems(loading: Promise<unknown>, path: string): Promise<string[]> {
  const error = await loading.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof InvalidOptionsError))
    throw new Error('an InvalidOptionsError was expected', { cause: error });
  return error.problems.map(({ at, code, message }) => {
    const place = path !== '' && at.startsWith(path) ? at.slice(path.length + 1) : at;
    return `${place} ${code} ${message.replaceAll(`${path}:`, '')}`;
  });
}
