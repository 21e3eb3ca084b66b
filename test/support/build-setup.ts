import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Tests that start processes run what ships. Type errors are for `npm run check`: JavaScript comes out anyway. */
export default async function buildLibrary(): Promise<void> {
  await run('node_modules/.bin/tsc', ['-p', 'tsconfig.build.json']).catch((error) => {
    console.warn(`The library was built with errors:\n${error.stdout}`);
  });
  await run(process.execPath, ['scripts/bundle.js']);
  if (!existsSync('dist/new-cluster.tar.br')) await run(process.execPath, ['scripts/new-cluster.js']);
}
