import type { Logger } from 'pino';
import { InvalidOptionsError } from '../errors.ts';
import { createRedact, type Redact, redactUrls, stringifyRedacted } from './redact.ts';

/** The output of a command. Secrets are removed from it. */
export interface Terminal {
  /** Whether the output is a terminal with colours. */
  readonly color: boolean;
  /** Hides the password of a connection URL from now on. */
  hidePassword(databaseUrl: string): void;
  redact: Redact;
  /** Writes a result to stdout. */
  print(text: string): void;
  /**
   * Writes a result to stdout as JSON. Only texts in it are redacted, because a password may be a part of JSON's
   * syntax.
   */
  printJson(value: unknown): void;
  /** Writes data to stdout unchanged. */
  printData(text: string): void;
  /** Writes a message to stderr. */
  complain(text: string): void;
}

/** Opens stdout and stderr for a command. */
export function openTerminal(): Terminal {
  const redacts: Redact[] = [];
  const redact: Redact = (text) => redactUrls(redacts.reduce((left, hide) => hide(left), text));
  return {
    redact,
    hidePassword: (databaseUrl) => redacts.push(createRedact(databaseUrl)),
    // Node reads NO_COLOR and FORCE_COLOR here.
    color: process.stdout.isTTY && process.stdout.hasColors(),
    print: (text) => process.stdout.write(`${redact(text)}\n`),
    printJson: (value) => process.stdout.write(`${stringifyRedacted(value, redact, 2)}\n`),
    printData: (text) => process.stdout.write(`${text}\n`),
    complain: (text) => process.stderr.write(`${redact(text)}\n`),
  };
}

/**
 * Returns a logger that writes JSON lines to stderr from the given level on; silent without one.
 *
 * @throws InvalidOptionsError when pino has no such level.
 */
export async function createLogger(level: string | undefined, redact: Redact): Promise<Logger> {
  const { levels, pino } = await import('pino');
  const known = [...Object.values(levels.labels), 'silent'];
  if (level && !known.includes(level)) {
    const message = `There is no log level "${level}". Use one of ${known.join(', ')}.`;
    throw new InvalidOptionsError([{ code: 'OPTION_INVALID', at: 'LOG_LEVEL', message }]);
  }
  return pino(
    { level: level || 'silent' },
    { write: (line) => process.stderr.write(`${stringifyRedacted(JSON.parse(line), redact)}\n`) },
  );
}
