import { execFile } from 'node:child_process';
import { statSync } from 'node:fs';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Tests that start processes run what ships. Type errors are for `npm run check`: JavaScript comes out anyway. */
export default async function buildLibrary(): Promise<void> {
  await run('node_modules/.bin/tsc', ['-p', 'tsconfig.build.json']).catch((error) => {
    console.warn(`The library was built with errors:\n${error.stdout}`);
  });
  await run(process.execPath, ['scripts/bundle.js']);
  if (isOlder('dist/new-cluster.tar.br', 'node_modules/.package-lock.json')) {
    await run(process.execPath, ['scripts/new-cluster.js']);
  }
}

/** A later install may have brought another PGlite, which does not start from the files of an earlier one. */
function isOlder(file: string, other: string): boolean {
  const timeOf = (path: string) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  return timeOf(file) === 0 || timeOf(file) < timeOf(other);
}
