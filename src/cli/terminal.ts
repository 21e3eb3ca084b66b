import { createRedact, type Redact, stringifyRedacted } from './redact.ts';

/** Where a command writes; secrets are taken out on the way. */
export interface Terminal {
  /** Hides the secrets of the environment. */
  readonly redact: Redact;
  /** Whether a person's terminal with colours reads what is printed. */
  readonly color: boolean;
  /** Writes a result to stdout. */
  print(text: string): void;
  /** Writes a result to stdout as JSON. Only its texts are redacted: a password may be what JSON itself is written with. */
  printJson(value: unknown): void;
  /** Writes a message to stderr. */
  complain(text: string): void;
}

/** Opens stdout and stderr for a command. */
export function openTerminal(databaseUrl: string | undefined): Terminal {
  const redact = createRedact(databaseUrl);
  return {
    redact,
    color: process.stdout.isTTY && process.stdout.hasColors(),
    print: (text) => process.stdout.write(`${redact(text)}\n`),
    printJson: (value) => process.stdout.write(`${stringifyRedacted(value, redact, 2)}\n`),
    complain: (text) => process.stderr.write(`${redact(text)}\n`),
  };
}
