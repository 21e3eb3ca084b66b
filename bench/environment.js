// What the numbers were taken on, without anything that names the machine.
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { dirname, join } from 'node:path';

const PACKAGES = ['casbin', 'casbin-pg-adapter', 'kysely', 'pg'];

const require = createRequire(import.meta.url);

/** @param {string} postgres  the server's version */
export async function describeEnvironment(postgres) {
  const versions = await Promise.all(PACKAGES.map(async (name) => [name, await versionOf(name)]));
  const own = JSON.parse(await readFile(require.resolve('casbin-bootstrap/package.json'), 'utf8'));
  return {
    machine: {
      cpu: cpus()[0]?.model.trim() ?? 'unknown',
      cores: availableParallelism(),
      memoryGiB: Math.round(totalmem() / 2 ** 30),
    },
    versions: {
      'casbin-bootstrap': own.version,
      node: process.versions.node,
      postgresql: postgres,
      ...Object.fromEntries(versions),
    },
  };
}

/** By the nearest package.json above its entry, as not every package exports its own. */
async function versionOf(name) {
  for (let folder = dirname(require.resolve(name)); ; folder = dirname(folder)) {
    const text = await readFile(join(folder, 'package.json'), 'utf8').catch(() => '{}');
    const found = JSON.parse(text);
    if (found.name === name) return found.version;
    if (folder === dirname(folder)) throw new Error(`The package.json of ${name} was not found.`);
  }
}
