import { spawn } from 'node:child_process';
import { once } from 'node:events';
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
  const child = spawn(process.execPath, [...NODE_FLAGS, ...args], {
    env: { ...process.env, ...env },
    timeout: 120_000,
  });
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
