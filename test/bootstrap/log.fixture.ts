import { Writable } from 'node:stream';
import { type Logger, pino } from 'pino';

/** One line of a pino log. */
export interface LogLine {
  readonly level: number;
  readonly event: string;
  readonly [field: string]: unknown;
}

export const WARN = 40;
export const DEBUG = 20;

/** A caller's pino logger, and what it has written. */
export function captureLog(level = 'debug'): { logger: Logger; lines: LogLine[] } {
  const lines: LogLine[] = [];
  const destination = new Writable({
    write(chunk, _encoding, done) {
      lines.push(JSON.parse(String(chunk)));
      done();
    },
  });
  return { logger: pino({ level, base: null }, destination), lines };
}

/** The lines of one event. */
export function linesOf(lines: readonly LogLine[], event: string): LogLine[] {
  return lines.filter((line) => line.event === event);
}
