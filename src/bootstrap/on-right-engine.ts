import { detectEngine } from '../database/engine.ts';
import type { Session } from '../database/session.ts';
import { errorCode, SQLSTATE } from '../database/sqlstates.ts';
import { onEngine, type ResolvedOptions } from '../options/resolved-options.ts';
import { findRuleTable } from '../tables/find-rule-table.ts';

/** What a server says to a statement that is PostgreSQL's and not its own. */
const FOREIGN: ReadonlySet<string> = new Set([
  SQLSTATE.FEATURE_NOT_SUPPORTED,
  SQLSTATE.SYNTAX_ERROR,
  SQLSTATE.UNDEFINED_FUNCTION,
  SQLSTATE.UNDEFINED_OBJECT,
  // Citus has no code for most of what it refuses.
  SQLSTATE.INTERNAL_ERROR,
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
    if (!FOREIGN.has(errorCode(error) ?? '')) throw error;
    const known = await findEngine(session, options);
    const { schema, table, engine } = known;
    // It says what is wrong with a table that Citus keeps in parts, on which a look fails in one of many ways.
    if (engine.name === 'citus') await findRuleTable(session.client, schema, table, engine);
    if (engine === options.engine) throw error;
    return await read(known);
  }
}

/** The options for the engine that the server says to be. */
export async function findEngine(session: Session, options: ResolvedOptions): Promise<ResolvedOptions> {
  return options.isEngineKnown ? options : onEngine(options, await detectEngine(session.client));
}
