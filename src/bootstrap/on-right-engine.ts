import { detectEngine } from '../database/engine.ts';
import type { Session } from '../database/session.ts';
import { errorCode, SQLSTATE } from '../database/sqlstates.ts';
import { onEngine, type ResolvedOptions } from '../options/resolved-options.ts';

/** What a server says to a statement that is PostgreSQL's and not its own. */
const FOREIGN: ReadonlySet<string> = new Set([
  SQLSTATE.FEATURE_NOT_SUPPORTED,
  SQLSTATE.SYNTAX_ERROR,
  SQLSTATE.UNDEFINED_FUNCTION,
  SQLSTATE.UNDEFINED_OBJECT,
]);

/**
 * Does what only reads as on PostgreSQL, and asks which engine it is only where the server does not take that: so
 * nobody has to say it, and on PostgreSQL there is no question more. The error of a server that is PostgreSQL stays.
 */
export async function onRightEngine<T>(
  session: Session,
  options: ResolvedOptions,
  read: (options: ResolvedOptions) => Promise<T>,
): Promise<T> {
  try {
    return await read(options);
  } catch (error) {
    if (options.isEngineKnown || !FOREIGN.has(errorCode(error) ?? '')) throw error;
    const known = await findEngine(session, options);
    if (known.engine === options.engine) throw error;
    return await read(known);
  }
}

/** The options for the engine that the server says to be. */
export async function findEngine(session: Session, options: ResolvedOptions): Promise<ResolvedOptions> {
  return options.isEngineKnown ? options : onEngine(options, await detectEngine(session.client));
}
