import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { copyLibrary } from './install-setup.ts';

/** Where packages are: those of applications, and the project's own tools. */
const MODULES = ['node_modules', '../node_modules'].map((path) =>
  fileURLToPath(new URL(path, import.meta.url)),
);

/** A copy of an example where nothing of the project is around it, with what its package.json asks for. */
export async function installExample(example: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'casbin-bootstrap-example-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const isOwn = (path: string) => !/\/(node_modules|dist)$/.test(path);
  await cp(example, folder, { recursive: true, filter: isOwn });
  const { dependencies, devDependencies } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
  await copyLibrary(join(folder, 'node_modules/casbin-bootstrap'));
  const names = Object.keys({ ...dependencies, ...devDependencies });
  for (const name of names.filter((one) => one !== 'casbin-bootstrap')) await link(name, folder);
  return folder;
}

async function link(name: string, folder: string): Promise<void> {
  const installed = MODULES.map((modules) => join(modules, name)).find(existsSync);
  if (installed === undefined)
    throw new Error(`${name} is not installed, neither in applications/ nor in the root`);
  const target = join(folder, 'node_modules', name);
  await mkdir(dirname(target), { recursive: true });
  await symlink(installed, target);
}
