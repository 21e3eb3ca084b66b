import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** A fenced block, and the file that the comment before it names. */
const BLOCK = /(?:^<!-- (?<path>\S+) -->\n)?^```(?<language>\w+)\n(?<code>.*?)^```$/gms;

export interface SessionOptions {
  /** An empty folder, in which it happens. */
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
  /** What is run instead of what the document says, and the reverse for what is printed: [shown, real]. */
  readonly replaced: readonly (readonly [shown: string, real: string])[];
}

/**
 * Does what a document tells its reader to do, from top to bottom: a block with the name of a file is written to it,
 * `sh` blocks are run, and so is each command after a `$` of `console` blocks.
 *
 * @returns the document, with what its commands have printed now
 */
export async function replay(path: string, { folder, env, replaced }: SessionOptions): Promise<string> {
  const document = await readFile(path, 'utf8');
  const toReal = (text: string) => replaced.reduce((all, [shown, real]) => all.replaceAll(shown, real), text);
  const toShown = (text: string) =>
    replaced
      .reduce((all, [shown, real]) => all.replaceAll(real, shown), text)
      .replace(/\b(in|after) [\d.]+ m?s\b/g, '$1 … ms')
      .replace(/\([\d.]+ m?s\)/g, '(… ms)')
      .replace(/\d{4}-\d\d-\d\d \d\d:\d\d UTC/g, '2026-12-01 09:30 UTC');
  const terminal = new Terminal(folder, env);
  try {
    let [replayed, end] = ['', 0];
    for (const { index, groups: { path: file, language, code = '' } = {}, 0: block } of document.matchAll(
      BLOCK,
    )) {
      replayed += document.slice(end, index);
      end = index + block.length;
      if (file !== undefined) await writeFile(join(folder, file), code);
      else if (language === 'sh') await terminal.runAll(toReal(code));
      else if (language !== 'console') throw new Error(`Nothing is done with this block:\n${block}`);
      replayed += language === 'console' ? await record(terminal, code, toReal, toShown) : block;
    }
    return replayed + document.slice(end);
  } finally {
    terminal.end();
  }
}

async function record(
  terminal: Terminal,
  code: string,
  toReal: (text: string) => string,
  toShown: (text: string) => string,
): Promise<string> {
  const lines: string[] = [];
  for (const [, command = '', shown = ''] of code.matchAll(/^\$ (.*)\n((?:(?!\$ ).*\n)*)/gm)) {
    const print = async () => toShown((await terminal.run(toReal(command))).output);
    let printed = await print();
    // A running application has a change soon after its commit.
    for (let times = 0; command.startsWith('curl') && printed !== shown && times < 100; times++)
      printed = await print();
    lines.push(`$ ${command}\n${printed}`);
  }
  return `\`\`\`console\n${lines.join('')}\`\`\``;
}

const END = '--- end of command ---';

/** One shell, in which a command finds what the ones before have set and started. */
class Terminal {
  readonly #shell;
  readonly #lines;

  constructor(cwd: string, env: NodeJS.ProcessEnv) {
    this.#shell = spawn('bash', ['--norc'], { cwd, env, stdio: ['pipe', 'pipe', 'inherit'], detached: true });
    this.#lines = createInterface({ input: this.#shell.stdout })[Symbol.asyncIterator]();
    // What npx would run, without its own time; jobs can be named, as in a terminal.
    this.#shell.stdin.write(`set -m\nexec 2>&1\nnpx() { "node_modules/.bin/$1" "\${@:2}"; }\n`);
  }

  async run(command: string): Promise<{ output: string; exitCode: number }> {
    // The next command may ask for the exit code of this one.
    this.#shell.stdin.write(`${command}\n__code=$?; echo "${END} $__code"; (exit $__code)\n`);
    let output = '';
    for (;;) {
      const { value, done } = await this.#lines.next();
      if (done) throw new Error(`The shell has ended at: ${command}\n${output}`);
      if (value.startsWith(END)) return { output, exitCode: Number(value.slice(END.length)) };
      output += `${value}\n`;
    }
  }

  async runAll(commands: string): Promise<void> {
    for (const command of commands.trim().split('\n')) {
      const { output, exitCode } = await this.run(command);
      if (exitCode !== 0) throw new Error(`${command} ended with ${exitCode}:\n${output}`);
    }
  }

  /** With everything that was started in it. */
  end(): void {
    const { pid } = this.#shell;
    if (pid === undefined) return;
    this.#shell.stdin.end('kill -9 $(jobs -p) 2>/dev/null; exit\n');
  }
}
