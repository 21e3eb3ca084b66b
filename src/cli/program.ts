import { createRequire } from 'node:module';
import { Command, CommanderError } from 'commander';
import type { Logger } from 'pino';
import { BootstrapError } from '../errors.ts';
import { reasonOf } from '../text.ts';
import { type CommandContext, createLogger, openTerminal, type Terminal } from './output.ts';
import { addSeedCommand } from './seed.ts';

const SUCCESS = 0;
const FAILURE = 1;
const WRONG_USAGE = 2;

/** Runs `casbin-bootstrap` with the process's arguments and environment; resolves to the exit code. */
export async function run(argv: readonly string[]): Promise<number> {
  const databaseUrl = process.env.DATABASE_URL;
  const terminal = openTerminal(databaseUrl);
  let logger: Logger | undefined;
  let exitCode = SUCCESS;
  try {
    logger = createLogger(process.env.LOG_LEVEL, terminal.redact);
    const finish = (code: number) => {
      exitCode = code;
    };
    await createProgram({ databaseUrl, terminal, logger, finish }).parseAsync(argv);
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return SUCCESS;
    // Whoever reads JSON gets some whatever happens; the flag counts also where the rest is not understood.
    if (argv.includes('--json')) terminal.printJson({ error: errorToJson(error) });
    if (error instanceof CommanderError) return WRONG_USAGE;
    logger?.debug({ event: 'command_failed', err: error });
    terminal.complain(describeError(error));
    return FAILURE;
  }
}

function createProgram(context: CommandContext): Command {
  const program = new Command('casbin-bootstrap')
    .description('Bring a PostgreSQL database to the state in which a Casbin application may start.')
    .version(readVersion())
    .exitOverride()
    .configureOutput(writeTo(context.terminal));
  addSeedCommand(program, context);
  return program;
}

function writeTo(terminal: Terminal) {
  return {
    writeOut: (text: string) => terminal.print(text.trimEnd()),
    writeErr: (text: string) => terminal.complain(text.trimEnd()),
  };
}

function readVersion(): string {
  const { version }: { version: string } = createRequire(import.meta.url)('casbin-bootstrap/package.json');
  return version;
}

/** Says what went wrong in one message, never a stack; what nobody foresaw comes with a hint. */
export function describeError(error: unknown): string {
  if (error instanceof BootstrapError) return `casbin-bootstrap: ${error.message}`;
  return `casbin-bootstrap: ${reasonOf(error)}. Set LOG_LEVEL=debug for the details.`;
}

/** An error with its code, its message and what it carries: problems, a report, holders of a lock. */
function errorToJson(error: unknown): object {
  if (error instanceof BootstrapError) {
    const { name, code, message, ...details } = { ...error, message: error.message };
    return { name, code, message, ...details };
  }
  if (error instanceof CommanderError) {
    return { name: error.name, code: 'WRONG_USAGE', message: error.message.replace(/^error: /, '') };
  }
  return { name: 'Error', code: 'UNEXPECTED', message: reasonOf(error) };
}
