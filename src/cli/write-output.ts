import { writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { InvalidOptionsError } from '../errors.ts';
import { makeFolder } from '../make-folder.ts';
import { reasonOf } from '../text.ts';

/**
 * Writes the file that an option names, and makes its folder.
 *
 * @throws InvalidOptionsError
 */
export async function writeOutput(option: string, file: string, text: string): Promise<void> {
  try {
    await makeFolder(dirname(file));
    await writeFile(file, text);
  } catch (error) {
    const message = `${file} can't be written: ${reasonOf(error)}. Give a file that this process may write.`;
    throw new InvalidOptionsError([{ code: 'OPTION_INVALID', at: option, message }]);
  }
}
