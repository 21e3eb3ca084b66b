import { createRequire } from 'node:module';
import { Command, CommanderError } from 'commander';
import type { Logger } from 'pino';
import type { CommandContext } from './command-context.ts';
import { describeError, toJson } from './describe-error.ts';
import { createLogger } from './logger.ts';
import { addSeedCommand } from './seed.ts';
import { openTerminal, type Terminal } from './terminal.ts';

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
    if (argv.includes('--json')) terminal.printJson({ error: toJson(error) });
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
