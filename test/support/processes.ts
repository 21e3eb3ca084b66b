import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { NODE_FLAGS } from './node-flags.ts';

export interface ProcessOptions {
  args?: string[];
  env?: Record<string, string>;
}

export interface ProcessResult {
  /** Null when a signal ended the process. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Node processes that do the same at the same moment, as often as they are asked. `await using` ends them. */
export interface Processes extends AsyncDisposable {
  /**
   * Gives something to each process, has them go on together when the slowest is ready, and resolves to what each
   * answers. Rejects with the failure of one, or with what it wrote to stderr when it ended.
   */
  round<Answer>(given: object): Promise<Answer[]>;
}

const READY = 'ready\n';

/**
 * Runs a script in several Node processes, which pass its `await whenAllReady()` together.
 * Scripts are plain JavaScript, and import the library as built: `dist/`.
 */
export async function runProcesses(
  count: number,
  script: URL,
  { args = [], env = {} }: ProcessOptions = {},
): Promise<ProcessResult[]> {
  const path = fileURLToPath(script);
  const children = Array.from({ length: count }, (_, index) =>
    startChild([path, ...args], { ...env, PROCESS_INDEX: String(index) }),
  );
  await Promise.all(children.map((child) => child.ready));
  for (const child of children) child.go();
  return Promise.all(children.map((child) => child.result()));
}

function startChild(args: string[], env: Record<string, string>) {
  const child = spawnNode(args, env);
  const closed = once(child, 'close');
  const output = { stdout: '', stderr: '' };
  const ready = new Promise<void>((resolve) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output.stdout += text;
      if (output.stdout.includes(READY)) resolve();
    });
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output.stderr += text;
  });
  child.stdin.on('error', () => {});
  return {
    // one that ends before it is ready must not keep the others waiting
    ready: Promise.race([ready, closed]),
    go: () => child.stdin.end(),
    async result(): Promise<ProcessResult> {
      const [code] = await closed;
      return { code, stdout: output.stdout.replace(READY, ''), stderr: output.stderr };
    },
  };
}

/** Starts several Node processes on a script that calls `serveRounds`. To start one takes longer than most rounds. */
export function startProcesses(count: number, script: URL): Processes {
  const path = fileURLToPath(script);
  const members = Array.from({ length: count }, (_, index) => startMember(path, String(index)));
  return {
    async round<Answer>(given: object) {
      const line = `${JSON.stringify(given)}\n`;
      await Promise.all(members.map(({ ask }) => ask(line)));
      const results = (await Promise.all(members.map(({ ask }) => ask('go\n')))).map((line) =>
        JSON.parse(line),
      );
      const failures = results.flatMap(({ failure = [] }) => failure);
      if (failures.length > 0)
        throw new Error(`${failures.length} processes failed:\n${failures.join('\n')}`);
      return results.map(({ answer }): Answer => answer);
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(members.map(({ end }) => end()));
    },
  };
}

function startMember(path: string, index: string) {
  const child = spawnNode([path], { PROCESS_INDEX: index });
  const closed = once(child, 'close');
  const complaint = text(child.stderr);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  child.stdin.on('error', () => {});
  return {
    /** Resolves to the next line that it writes. */
    async ask(line: string): Promise<string> {
      child.stdin.write(line);
      const { value, done } = await lines.next();
      if (done) throw new Error(`A process ended with ${(await closed)[0]}:\n${await complaint}`);
      return value;
    },
    async end(): Promise<void> {
      child.stdin.end();
      await closed;
    },
  };
}

function spawnNode(args: string[], env: Record<string, string>) {
  return spawn(process.execPath, [...NODE_FLAGS, ...args], {
    env: { ...process.env, ...env },
    timeout: 600_000,
  });
}
