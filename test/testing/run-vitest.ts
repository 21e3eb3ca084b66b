import { execFile } from 'node:child_process';
import { basename } from 'node:path';
import { promisify } from 'node:util';
import { NODE_FLAGS } from '../support/node-flags.ts';

const run = promisify(execFile);

/** What came of one test file. */
interface FileResult {
  /** What a file that could not be collected says. */
  readonly message: string;
  /** `policy › never › readonly may never write accounts`. */
  readonly tests: readonly { readonly name: string; readonly status: string; readonly message: string }[];
}

/** Runs the command of a README that runs a Vitest project; results are by the names of its files. */
export async function runVitest(command: string): Promise<Map<string, FileResult>> {
  // Else it takes itself for a worker of ours.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('VITEST')));
  const script = `${NPX}\n${command.trim()} --reporter=json ${ONE_WORKER.join(' ')}`;
  const { stdout } = await run('bash', ['-c', script], { env }).catch((error: { stdout: string }) => error);
  const { testResults }: Report = JSON.parse(stdout);
  return new Map(testResults.map((file) => [basename(file.name), readFile(file)]));
}

/** What npx would run, without its own time. */
const NPX = `npx() { "node_modules/.bin/$1" "\${@:2}"; }`;

/** To load casbin and kysely for each file takes longer than the tests. */
const ONE_WORKER = ['--no-isolate', '--maxWorkers=1', ...NODE_FLAGS.map((flag) => `--execArgv=${flag}`)];

function readFile({ message, assertionResults }: Report['testResults'][number]): FileResult {
  const tests = assertionResults.map(({ ancestorTitles, title, status, failureMessages }) => ({
    name: [...ancestorTitles, title].join(' › '),
    status,
    message: failureMessages?.join('\n') ?? '',
  }));
  return { message, tests };
}

interface Report {
  testResults: {
    name: string;
    message: string;
    assertionResults: {
      ancestorTitles: string[];
      title: string;
      status: string;
      failureMessages?: string[];
    }[];
  }[];
}
