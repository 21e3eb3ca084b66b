import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';

/** What a README tells to run, with the output that it shows below. */
export interface ReadmeBlock {
  readonly commands: string;
  /** Null where the README shows none. */
  readonly output: string | null;
}

/** The `sh` blocks of a README, each with the `text` block that follows it, if one does. */
export async function readBlocks(path: string): Promise<ReadmeBlock[]> {
  const readme = await readFile(path, 'utf8');
  const blocks = readme.matchAll(/^```sh\n(.*?)^```\n(?:\n```text\n(.*?)^```)?/gms);
  return Array.from(blocks, ([, commands = '', output = null]) => ({ commands, output }));
}

const END = '--- end of block ---';

/** Stops at the first command that fails, and leaves nothing running. */
const PROLOGUE = `set -eu
trap 'for job in $(jobs -p); do kill -9 $job; done 2>/dev/null || true' EXIT`;

/**
 * Runs the commands of a README one after the other in one shell, as a reader does in a terminal, on a database and
 * ports of the test's. What each block prints, and below it what the README shows.
 */
export async function runBlocks(
  blocks: readonly ReadmeBlock[],
  { databaseUrl, folder = '.' }: { databaseUrl: string; folder?: string },
): Promise<{ readonly printed: string; readonly shown: string | null }[]> {
  const ports = new Map([
    ['3000', String(await findFreePort())],
    ['3001', String(await findFreePort())],
  ]);
  const here = (text: string) => text.replaceAll(/\b300[01]\b/g, (port) => ports.get(port) ?? port);
  const commands = blocks.map(({ commands }) =>
    here(commands).replaceAll(/^export DATABASE_URL=.*$/gm, `export DATABASE_URL='${databaseUrl}'`),
  );
  const script = [PROLOGUE, ...commands.flatMap((block) => [block, `echo '${END}'`])].join('\n');
  const stdout = await runShell(script, folder);
  const printed = stdout.split(`${END}\n`);
  return blocks.map(({ output }, index) => ({
    printed: printed[index] ?? '',
    shown: output === null ? null : here(output),
  }));
}

function runShell(script: string, cwd: string): Promise<string> {
  // A runner of tests that is started by another one takes itself for a worker of it.
  const own = Object.entries(process.env).filter(([name]) => !/^(VITEST|NODE_|TEST$|PORT$)/.test(name));
  const options = { cwd, env: { ...Object.fromEntries(own), NO_COLOR: '1' }, timeout: 50_000 };
  return new Promise((resolve, reject) => {
    execFile('bash', ['-c', script], options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`the commands failed:\n${stdout}\n${stderr}`, { cause: error }));
    });
  });
}

function findFreePort(): Promise<number> {
  const server = createServer();
  return new Promise((resolve) => {
    server.listen(0, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' ? (address?.port ?? 0) : 0));
    });
  });
}
