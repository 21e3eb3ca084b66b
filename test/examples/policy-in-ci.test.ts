import { execFile } from 'node:child_process';
import { cp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { createFolder } from '../support/folder.ts';
import { readBlocks, runBlocks } from './readme.fixture.ts';

const run = promisify(execFile);

const EXAMPLE = 'examples/policy-in-ci';

/** The example in a repository of its own, and a clone of that, in which the command can be run by its name. */
async function cloneExample(): Promise<string> {
  const folder = await createFolder();
  const [origin, clone] = [join(folder, 'origin'), join(folder, 'clone')];
  await cp(EXAMPLE, origin, { recursive: true });
  const git = (...given: string[]) =>
    run('git', ['-c', 'user.name=somebody', '-c', 'user.email=somebody@example.com', ...given], {
      cwd: origin,
    });
  await git('init', '--quiet', '--initial-branch', 'main');
  await git('add', '.');
  await git('commit', '--quiet', '--message', 'Begin a policy');
  await git('clone', '--quiet', origin, clone);
  return clone;
}

const COMMAND = {
  commands: `npx() { shift; node '${join(process.cwd(), 'dist/cli.js')}' "$@"; }\n`,
  output: null,
};

/** What the blocks print, beside what is shown, when they are run in the folder. */
async function runHere(folder: string, blocks: Awaited<ReturnType<typeof readBlocks>>) {
  const ran = await runBlocks([COMMAND, ...blocks], { databaseUrl: '', folder });
  return ran
    .slice(1)
    .map(({ printed, shown }) => ({ printed: printed.replace(/\([\d.]+ m?s\)/, '(… ms)'), shown }));
}

test('the commands in the README of policy-in-ci print what it shows', async () => {
  const blocks = await readBlocks(join(EXAMPLE, 'README.md'));
  expect(blocks).toHaveLength(3);
  for (const { printed, shown } of await runHere(await cloneExample(), blocks)) {
    if (shown !== null) expect(printed).toBe(shown);
  }
});

interface Step {
  readonly name?: string;
  readonly run?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** The workflow's own commands, as commands of a shell. GitHub gives the variables. */
async function readSteps(variables: Readonly<Record<string, string>>): Promise<string[]> {
  const workflow = parse(await readFile(join(EXAMPLE, '.github/workflows/policy.yml'), 'utf8'));
  const steps: Step[] = workflow.jobs.policy.steps;
  const used = steps.flatMap(({ env = {} }) => Object.keys(env));
  expect(used.sort()).toEqual(Object.keys(variables).sort());
  const given = Object.entries(variables).map(([name, value]) => `export ${name}='${value}'\n`);
  return steps.flatMap(({ run: command = '' }) =>
    command.startsWith('npx') ? [`${given.join('')}${command} || echo "exit code $?"\n`] : [],
  );
}

const ADDED = `cat >> policy.yaml <<END
  auditor:
    permissions:
      invoices: [read]
END
`;

test('the workflow passes while nothing more is allowed', async () => {
  const steps = await readSteps({ BASE: 'main', FAIL_ON: 'more' });
  expect(steps).toHaveLength(3);
  const [compared] = await runWorkflow('', steps);
  expect(compared).toContain('No decision changes');
  expect(compared).not.toContain('exit code');
});

test('the workflow fails at the comparison when more is allowed, and passes when a reviewer agrees to that', async () => {
  const steps = await readSteps({ BASE: 'main', FAIL_ON: 'more' });
  const [agreed = ''] = (await readSteps({ BASE: 'main', FAIL_ON: 'none' })).slice(-1);
  const [compared, comparedAgain] = await runWorkflow(ADDED, [...steps, agreed]);
  for (const printed of [compared, comparedAgain]) expect(printed).toContain('+ auditor, invoices, read');
  expect(compared).toContain('exit code 3');
  expect(comparedAgain).not.toContain('exit code');
});

/** What the comparisons print, after steps that find nothing wrong. */
async function runWorkflow(change: string, steps: readonly string[]): Promise<string[]> {
  const folder = await cloneExample();
  const blocks = [change, ...steps].map((commands) => ({ commands: `${commands}\n`, output: null }));
  const [, lint, tested, ...compared] = (await runHere(folder, blocks)).map(({ printed }) => printed);
  expect(lint).not.toContain('exit code');
  expect(tested).toBe('');
  expect(await readFile(join(folder, 'policy.junit.xml'), 'utf8')).toContain('a manager approves them');
  return compared;
}

test('the workflow marks the line of a problem in the pull request', async () => {
  const folder = await cloneExample();
  const steps = await readSteps({ BASE: 'main', FAIL_ON: 'more' });
  const broken = `${ADDED.replace('permissions:', 'inherits: [viewr]').replace(/.*\[read\]\n/, '')}`;
  const [, lint] = await runHere(
    folder,
    [broken, ...steps.slice(0, 1)].map((commands) => ({ commands, output: null })),
  );
  expect(lint?.printed).toMatch(/^::error file=policy\.yaml,line=19,.*viewr/m);
  expect(lint?.printed).toContain('exit code 1');
});
