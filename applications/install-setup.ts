import { cp, mkdir, readFile, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PROJECT = fileURLToPath(new URL('..', import.meta.url));
const SHIPPED = ['package.json', 'dist', 'model'];

/** Folders of programs that import the library by its name, and what else only they have. */
const FOLDERS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'migration-tools': { knex: 'knex-3', '.bin/knex': 'knex-3/bin/cli.js' },
  frameworks: {},
  runners: { vitest: 'vitest-3' },
};

/** Installs the library as it is built, after the build: not as a link, since it would find the project's Vitest. */
export default async function installLibrary(): Promise<void> {
  for (const [folder, aliases] of Object.entries(FOLDERS)) {
    const modules = fileURLToPath(new URL(`${folder}/node_modules`, import.meta.url));
    await rm(modules, { recursive: true, force: true });
    await copyLibrary(join(modules, 'casbin-bootstrap'));
    for (const [name, alias] of Object.entries(aliases)) {
      await mkdir(dirname(join(modules, name)), { recursive: true });
      await symlink(fileURLToPath(new URL(`node_modules/${alias}`, import.meta.url)), join(modules, name));
    }
  }
}

/** With its own dependencies as links: some applications have others of the same name. */
export async function copyLibrary(target: string): Promise<void> {
  const isShipped = (path: string) => path !== join(PROJECT, 'dist/src');
  for (const name of SHIPPED) {
    await cp(join(PROJECT, name), join(target, name), { recursive: true, filter: isShipped });
  }
  const { dependencies, optionalDependencies } = JSON.parse(
    await readFile(join(PROJECT, 'package.json'), 'utf8'),
  );
  for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
    const link = join(target, 'node_modules', name);
    await mkdir(dirname(link), { recursive: true });
    await symlink(join(PROJECT, 'node_modules', name), link);
  }
}
