import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';

const FOLDER = 'applications/runners';
const MODULES = 'applications/node_modules';

/** How each runner is started, and how it says that a number of tests has passed. */
const RUNNERS = [
  {
    runner: 'Vitest 3',
    folder: 'vitest-3',
    command: (file: string) => [
      `${FOLDER}/node_modules/vitest/vitest.mjs`,
      ...['run', '--config', `${FOLDER}/vitest-3/vitest.config.js`, '--reporter=verbose', file],
    ],
    env: {},
    passed: (count: number) => `Tests  ${count} passed (${count})`,
  },
  {
    runner: 'Jest',
    folder: 'jest',
    command: (file: string) => [
      `${MODULES}/jest/bin/jest.js`,
      ...['--config', `${FOLDER}/jest/jest.config.js`, '--verbose', file],
    ],
    env: { NODE_OPTIONS: '--experimental-vm-modules' },
    passed: (count: number) => `${count} passed, ${count} total`,
  },
  {
    runner: 'node:test',
    folder: 'node-test',
    command: (file: string) => ['--test', '--test-reporter=spec', `${FOLDER}/node-test/${file}`],
    env: {},
    passed: (count: number) => `pass ${count}\nℹ fail 0`,
  },
] as const;

type Runner = (typeof RUNNERS)[number];

/** What a runner prints of a file, and its exit code. */
async function runFile({ command, env }: Runner, file: string): Promise<{ code: number; output: string }> {
  // Else a runner takes itself for a worker of ours.
  const own = Object.entries(process.env).filter(([name]) => !/^(VITEST|NODE_|TEST$|FORCE_COLOR)/.test(name));
  const options = { env: { ...Object.fromEntries(own), NO_COLOR: '1', ...env } };
  return promisify(execFile)(process.execPath, command(file), options).then(
    ({ stdout, stderr }) => ({ code: 0, output: stdout + stderr }),
    ({ code, stdout, stderr }) => ({ code, output: stdout + stderr }),
  );
}

/** The lines of an explanation, wherever the runner begins them. */
function withoutIndentation(output: string): string {
  return output.replaceAll(/^ +/gm, '');
}

const EXPLAINED_DENIAL = `"clerk, invoices, approve" is denied

request  sub = clerk, obj = invoices, act = approve
answer   denied: no rule allows it
roles    clerk → viewer
closest  p, viewer, invoices, read — act is read
p, viewer, invoices, write — act is write
unknown  no rule has act = approve, only read, write
`;

const EXPLAINED_GRANT = `"clerk, invoices, read" is allowed

request  sub = clerk, obj = invoices, act = read
answer   allowed by the rule "p, viewer, invoices, read"
roles    clerk → viewer
`;

const EXPLAINED_EXPECTATION = `"viewer, invoices, write" is allowed

request  sub = viewer, obj = invoices, act = write
answer   allowed by the rule "p, viewer, invoices, write"
`;

const NAMES = [
  'viewer may read invoices',
  'clerk may write invoices',
  'a subject without any role may not read invoices',
  'a subject without any role may not write invoices',
  'clerk may read invoices',
  'viewer may never write invoices',
];

describe.for(RUNNERS)('in $runner', (runner) => {
  test('the tests of a sound policy pass, each by its name, with a database in memory', async () => {
    const { code, output } = await runFile(runner, 'passes.test.js');
    expect(output).toContain(runner.passed(runner.folder === 'jest' ? 8 : 7));
    for (const name of NAMES) expect(output).toContain(name);
    expect(code).toBe(0);
  });

  test('an assertion, a matcher and the test of an expectation fail with an explanation', async () => {
    const { code, output } = await runFile(runner, 'fails.test.js');
    const explanations = withoutIndentation(output);
    expect(explanations).toContain(EXPLAINED_DENIAL);
    expect(explanations).toContain(EXPLAINED_GRANT);
    expect(explanations).toContain(EXPLAINED_EXPECTATION);
    expect(output).toContain('viewer may never write invoices');
    expect(output, 'the line of the test').toMatch(/fails\.test\.js:13:/);
    expect(code).toBe(1);
  });

  test('a file fails whose policy has nothing to test', async () => {
    const { code, output } = await runFile(runner, 'refused.test.js');
    expect(output).toContain('policy: it has no allow, deny or never');
    expect(code).toBe(1);
  });
});

test('in Jest, a test of CommonJS has the matchers and a database as well', async () => {
  const { code, output } = await runFile(RUNNERS[1], 'commonjs.test.cjs');
  expect(output).toContain('2 passed, 2 total');
  expect(code).toBe(0);
});

test.for(['jest', 'vitest-3'])('by the types of %s, a misspelt name does not compile', async (folder) => {
  const compiled = promisify(execFile)('node_modules/.bin/tsc', ['-p', `${FOLDER}/${folder}`]);
  await expect(compiled.catch(({ stdout }) => ({ stdout }))).resolves.toMatchObject({ stdout: '' });
});
