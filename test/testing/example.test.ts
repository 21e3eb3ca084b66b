import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runVitest } from './run-vitest.ts';

const EXAMPLE = 'examples/testing';

/** Imports the policy of the example, and this package by its name. */
let project: string;
let results: Awaited<ReturnType<typeof runVitest>>;

beforeAll(async () => {
  await mkdir('.data', { recursive: true });
  project = await mkdtemp('.data/readme-');
  await cp(`${EXAMPLE}/policy.js`, `${project}/policy.js`);
  const readme = await readFile('README.md', 'utf8');
  const code = /```ts\n(import .*?casbin-bootstrap\/testing.*?)```/s.exec(readme)?.[1] ?? '';
  await writeFile(`${project}/readme.test.ts`, code);
  const projects = [
    join(process.cwd(), EXAMPLE, 'vitest.config.js'),
    { test: { name: 'readme', root: join(process.cwd(), project), include: ['*.test.ts'] } },
  ];
  const config = { test: { projects } };
  await writeFile(`${project}/vitest.config.js`, `export default ${JSON.stringify(config)};`);
  results = await runVitest(project);
}, 180_000);

afterAll(() => rm(project, { recursive: true }));

test('the tests of the example project pass', () => {
  const { message = 'not run', tests = [] } = results.get('policy.test.js') ?? {};
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
});

test('the example in the README passes', () => {
  const { message = 'not run', tests = [] } = results.get('readme.test.ts') ?? {};
  expect(message).toBe('');
  expect(tests.filter(({ status }) => status !== 'passed')).toEqual([]);
  expect(tests.map(({ name }) => name)).toContain('a new clerk writes invoices');
});
