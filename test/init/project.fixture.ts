import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createFolder } from '../support/folder.ts';

/** A project in a folder of its own, with these files. */
export async function createProject(manifest: object = { name: 'shop' }, files: Record<string, string> = {}) {
  const folder = await createFolder();
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 4)}\n`);
  for (const [path, text] of Object.entries(files)) writeFileSync(join(folder, path), text);
  return { folder, read: (path: string) => readFileSync(join(folder, path), 'utf8') };
}
