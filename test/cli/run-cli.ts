import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

const BIN = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));

export interface CliOptions {
  /** Added to the environment, which names no database and has no LOG_LEVEL of its own. */
  env?: Record<string, string>;
  cwd?: string;
}

export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the built `casbin-bootstrap` in a process of its own. */
export async function runCli(args: string[], { env = {}, cwd }: CliOptions = {}): Promise<CliResult> {
  const own = Object.entries(process.env).filter(
    ([name]) => !/^(DATABASE_URL|LOG_LEVEL|PG[A-Z]+)$/.test(name),
  );
  const inherited = Object.fromEntries(own);
  const child = spawn(process.execPath, [BIN, ...args], { env: { ...inherited, ...env }, cwd });
  child.stdin.end();
  const [[code], stdout, stderr] = await Promise.all([
    once(child, 'close'),
    text(child.stdout),
    text(child.stderr),
  ]);
  return { code, stdout, stderr };
}
