import { type Logger, levels, pino } from 'pino';
import { InvalidOptionsError } from '../errors.ts';

/** What every command is given. */
export interface CommandContext {
  /** The server to work on; undefined: the embedded database. */
  readonly databaseUrl: string | undefined;
  readonly terminal: Terminal;
  readonly logger: Logger;
  /** Takes the command's exit code. */
  finish(exitCode: number): void;
}

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

/**
 * Returns a logger that writes JSON lines to stderr from the given level on; silent without one.
 *
 * @throws InvalidOptionsError when pino has no such level.
 */
export function createLogger(level: string | undefined, redact: Redact): Logger {
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

/** Takes secrets out of a text. */
export type Redact = (text: string) => string;

const HIDDEN = '***';

/**
 * Returns a function that hides the password of a connection URL, as it is written there and decoded.
 *
 * A password that is also the user's, the host's or the database's name is hidden inside of URLs only: those
 * names are printed on purpose, and hiding them would tell what the password is.
 */
export function createRedact(databaseUrl: string | undefined): Redact {
  if (!databaseUrl) return (text) => text;

  const names = findNames(databaseUrl);
  const patterns = findPasswords(databaseUrl)
    .toSorted((a, b) => b.length - a.length)
    .flatMap((password) => {
      const inUrl = { find: `:${password}@`, replace: `:${HIDDEN}@` };
      return names.includes(password) ? [inUrl] : [inUrl, { find: password, replace: HIDDEN }];
    });
  return (text) => patterns.reduce((left, { find, replace }) => left.replaceAll(find, replace), text);
}

/** Serialises a value as JSON with every text in it redacted; the JSON stays valid whatever the secret is. */
export function stringifyRedacted(value: unknown, redact: Redact, indent?: number): string {
  return JSON.stringify(value, (_key, item) => (typeof item === 'string' ? redact(item) : item), indent);
}

/** Finds the password in all its spellings, also in a text that no URL parser accepts. */
function findPasswords(databaseUrl: string): string[] {
  const inAuthority = /^[^:]+:\/\/[^:@]*:(.+)@/s.exec(databaseUrl)?.[1];
  const inQuery = /[?&]password=([^&#]*)/.exec(databaseUrl)?.[1];
  const written = [inAuthority, inQuery, parseUrl(databaseUrl)?.password];
  const spellings = written.flatMap((password) => {
    if (!password) return [];
    const decoded = decode(password);
    return [password, decoded, encodeURIComponent(decoded)];
  });
  return [...new Set(spellings)];
}

function findNames(databaseUrl: string): string[] {
  const url = parseUrl(databaseUrl);
  if (!url) return [];
  return [url.username, url.hostname, url.pathname.slice(1)].map(decode);
}

function parseUrl(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
