import { type Logger, levels, pino } from 'pino';
import { InvalidOptionsError } from '../errors.ts';
import { type Redact, stringifyRedacted } from './redact.ts';

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
