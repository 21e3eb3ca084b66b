import type { Logger } from 'pino';
import type { Terminal } from './terminal.ts';

/** What every command is given. */
export interface CommandContext {
  /** The server to work on; undefined: the embedded database. */
  readonly databaseUrl: string | undefined;
  readonly terminal: Terminal;
  readonly logger: Logger;
  /** Takes the command's exit code. */
  finish(exitCode: number): void;
}
