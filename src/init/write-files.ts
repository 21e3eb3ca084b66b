import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { InvalidOptionsError, type Problem } from '../errors.ts';
import { reasonOf } from '../text.ts';
import type { ProjectFile } from './project-files.ts';

/** The paths of files, by what became of them. */
interface WrittenFiles {
  readonly created: string[];
  readonly changed: string[];
  readonly kept: string[];
  /** The kept files that have another content than would have been written. */
  readonly other: ReadonlySet<string>;
}

export const MANIFEST = 'package.json';

/**
 * Writes the files of a project. An existing one is changed only if `confirm` agrees.
 *
 * @param addScripts the new package.json, if these files are written too; null if it stays as it is
 */
export async function writeAll(
  folder: string,
  files: readonly ProjectFile[],
  addScripts: (created: ReadonlySet<string>) => string | null,
  confirm: (file: ProjectFile) => boolean | Promise<boolean>,
): Promise<WrittenFiles> {
  // All are read, and all questions asked, before any is written: until then the project stays as it is.
  const present = readAll(folder, files);
  const { created, changed, other } = await chooseFiles(files, present, confirm);
  const manifest = addScripts(new Set(created.map(({ path }) => path)));
  const additions = manifest === null ? [] : [{ path: MANIFEST, text: manifest }];
  for (const file of additions) if (await confirm(file)) changed.push(file);
  for (const { path, text } of created) write(folder, path, text, 'wx');
  for (const { path, text } of changed) write(folder, path, text, 'w');
  const pathsOf = (some: readonly ProjectFile[]) => some.map(({ path }) => path);
  return {
    created: pathsOf(created),
    changed: pathsOf(changed),
    kept: pathsOf(
      [...files.filter(({ path }) => present.has(path)), ...additions].filter(
        (file) => !changed.includes(file),
      ),
    ),
    other,
  };
}

/** The texts of the files that exist, by path. */
function readAll(folder: string, files: readonly ProjectFile[]): Map<string, string> {
  const problems: Problem[] = [];
  const texts = new Map<string, string>();
  for (const { path } of files) {
    try {
      if (existsSync(join(folder, path))) texts.set(path, readFileSync(join(folder, path), 'utf8'));
    } catch (error) {
      const message = `it can't be read: ${reasonOf(error)}. Rename or remove it. Nothing was written.`;
      problems.push({ code: 'OPTION_INVALID', at: path, message });
    }
  }
  if (problems.length > 0) throw new InvalidOptionsError(problems);
  return texts;
}

/** Which files are created, which existing ones are changed, as `confirm` agrees, and which keep another text. */
async function chooseFiles(
  files: readonly ProjectFile[],
  present: ReadonlyMap<string, string>,
  confirm: (file: ProjectFile) => boolean | Promise<boolean>,
) {
  const created: ProjectFile[] = [];
  const changed: ProjectFile[] = [];
  const other = new Set<string>();
  for (const file of files) {
    const before = present.get(file.path);
    if (file.about !== undefined && other.has(file.about)) continue;
    if (before === undefined) created.push(file);
    else if (before !== file.text && (await confirm(file))) changed.push(file);
    else if (before !== file.text) other.add(file.path);
  }
  return { created, changed, other };
}

/** The flag `wx` never replaces a file that somebody else has created meanwhile. */
function write(folder: string, path: string, text: string, flag: 'w' | 'wx'): void {
  try {
    writeFileSync(join(folder, path), text, { flag });
  } catch (error) {
    const message = `it can't be written: ${reasonOf(error)}. Correct that, and run it again.`;
    throw new InvalidOptionsError([{ code: 'OPTION_INVALID', at: path, message }]);
  }
}
