/**
 * The logger that the library writes to: a logger of pino or Fastify, `console`, or any object with these methods. Each
 * line is an object with an `event`, and a sentence.
 */
export interface LoggerLike {
  /** For what was already there, such as a row that was not inserted. */
  debug(fields: object, message?: string): void;
  /** For what is done: a migration, an inserted row, progress. */
  info(fields: object, message?: string): void;
  /** For what a person should look at: drift, rules inserted again, a table taken over. */
  warn(fields: object, message?: string): void;
  /** For tenants that failed. Default: `warn`. */
  error?(fields: object, message?: string): void;
  /**
   * Creates the same logger with these fields in each line. Default: the fields are added to the object of each line.
   */
  child?(fields: object): LoggerLike;
  /** Whether lines of this level are written, to avoid work for those that are not. Default: all are. */
  isLevelEnabled?(level: 'debug' | 'info'): boolean;
}

/** Writes nothing: the logger if none is given. */
export const SILENT: LoggerLike = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => SILENT,
  isLevelEnabled: () => false,
};

/** The same logger, with these fields in each line, also in those of seeders. */
export function withFields(logger: LoggerLike, fields: object): LoggerLike {
  if (logger.child !== undefined) return logger.child(fields);
  return {
    debug: (own, ...message) => logger.debug({ ...fields, ...own }, ...message),
    info: (own, ...message) => logger.info({ ...fields, ...own }, ...message),
    warn: (own, ...message) => logger.warn({ ...fields, ...own }, ...message),
    error: (own, ...message) => logError(logger, { ...fields, ...own }, ...message),
    isLevelEnabled: (level) => isLevelEnabled(logger, level),
  };
}

/** Logs at the level `error`, or `warn` where the logger has no such level. */
export function logError(logger: LoggerLike, fields: object, message?: string): void {
  if (logger.error === undefined) logger.warn(fields, message);
  else logger.error(fields, message);
}

/** Whether a line of that level may be written. */
export function isLevelEnabled(logger: LoggerLike, level: 'debug' | 'info'): boolean {
  return logger.isLevelEnabled?.(level) ?? true;
}
