import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { expect, onTestFinished, test } from 'vitest';
import { readBlocks } from '../examples/readme.fixture.ts';
import { runVitest } from './run-vitest.ts';

test('the commands in the README of testing run the tests of that project, and these pass', async () => {
  const [block, ...others] = await readBlocks('examples/testing/README.md');
  expect(others).toEqual([]);
  const { message = 'not run', tests = [] } =
    (await runVitest(block?.commands ?? '')).get('policy.test.js') ?? {};
  expect(message).toBe('');
  expect(tests.filter(({ status }) => status !== 'passed')).toEqual([]);
  expect(tests.map(({ name }) => name)).toEqual(
    expect.arrayContaining([
      'policy › deny › clerk may not approve invoices',
      'in the database › policy › derived from the rules › viewer may not approve invoices',
      'in the database › policy › never › viewer may never write invoices',
      'who leaves has no permissions any more',
    ]),
  );
}, 180_000);

test('the example in the README passes', async () => {
  const readme = await readFile('README.md', 'utf8');
  const code = /```ts\n(import .*?casbin-bootstrap\/testing.*?)```/s.exec(readme)?.[1] ?? '';
  const folder = await temporaryProject();
  await writeFile(`${folder}/readme.test.ts`, code);

  const { message = 'not run', tests = [] } =
    (await runVitest(`npx vitest run --config ${folder}/vitest.config.js`)).get('readme.test.ts') ?? {};

  expect(message).toBe('');
  expect(tests.filter(({ status }) => status !== 'passed')).toEqual([]);
  expect(tests.map(({ name }) => name)).toContain('a new clerk writes invoices');
}, 180_000);

/** A copy of the example project without its tests, where this package can be imported by its name. */
async function temporaryProject(): Promise<string> {
  await mkdir('.data', { recursive: true });
  const folder = await mkdtemp('.data/readme-');
  onTestFinished(() => rm(folder, { recursive: true }));
  await cp('examples/testing/policy.js', `${folder}/policy.js`);
  await writeFile(
    `${folder}/vitest.config.js`,
    `export default { test: { root: import.meta.dirname, include: ['*.test.ts'], server: { deps: { external: [/\\/dist\\//] } } } };`,
  );
  return folder;
}
