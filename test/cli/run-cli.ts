import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { vi } from 'vitest';
import { run } from '../../src/cli/program.ts';
import { NODE_FLAGS } from '../support/node-flags.ts';

export const BIN = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));

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

/** Runs `casbin-bootstrap` in this process, one at a time: a process of its own takes most of a second to start. */
export async function runCli(args: string[], { env = {}, cwd }: CliOptions = {}): Promise<CliResult> {
  const before = { env: process.env, cwd: process.cwd() };
  const stdout = capture(process.stdout);
  const stderr = capture(process.stderr);
  try {
    process.env = { ...environment(), ...env };
    if (cwd !== undefined) process.chdir(cwd);
    const code = await run([process.execPath, BIN, ...args], process.env);
    return { code, stdout: stdout.written(), stderr: stderr.written() };
  } finally {
    stdout.release();
    stderr.release();
    process.env = before.env;
    process.chdir(before.cwd);
  }
}

/** Runs the built `casbin-bootstrap` in a process of its own, and waits until that has ended. */
export async function spawnCli(args: string[], { env = {}, cwd }: CliOptions = {}): Promise<CliResult> {
  const child = spawn(process.execPath, [...NODE_FLAGS, BIN, ...args], {
    env: { ...environment(), ...env },
    cwd,
  });
  child.stdin.end();
  const [[code], stdout, stderr] = await Promise.all([
    once(child, 'close'),
    text(child.stdout),
    text(child.stderr),
  ]);
  return { code, stdout, stderr };
}

function environment(): Record<string, string | undefined> {
  const own = Object.entries(process.env).filter(
    ([name]) => !/^(DATABASE_URL|LOG_LEVEL|PG[A-Z]+)$/.test(name),
  );
  return Object.fromEntries(own);
}

function capture(stream: NodeJS.WriteStream) {
  if (vi.isMockFunction(stream.write)) throw new Error('Two commands at once need a process each: spawnCli.');
  let written = '';
  const write = vi.spyOn(stream, 'write').mockImplementation((chunk, ...rest) => {
    written += String(chunk);
    for (const callback of rest) if (typeof callback === 'function') callback(null);
    return true;
  });
  return { written: () => written, release: () => write.mockRestore() };
}
