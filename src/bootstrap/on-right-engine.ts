import { detectEngine } from '../database/engine.ts';
import type { Session } from '../database/session.ts';
import { errorCode, SQLSTATE } from '../database/sqlstates.ts';
import { onEngine, type ResolvedOptions } from '../options/resolved-options.ts';
import { findRuleTable } from '../tables/find-rule-table.ts';

/** The errors of a server for statements that only PostgreSQL knows. */
const FOREIGN: ReadonlySet<string> = new Set([
  SQLSTATE.FEATURE_NOT_SUPPORTED,
  SQLSTATE.SYNTAX_ERROR,
  SQLSTATE.UNDEFINED_FUNCTION,
  SQLSTATE.UNDEFINED_OBJECT,
  // Citus has no code for most of what it refuses.
  SQLSTATE.INTERNAL_ERROR,
]);

/**
 * Reads as on PostgreSQL first. Only if the server refuses that, it asks which engine the server is, and reads again.
 * So the option is not needed, and PostgreSQL needs no extra query. On PostgreSQL itself the error is thrown.
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

/** The options for the engine that the server reports. */
export async function findEngine(session: Session, options: ResolvedOptions): Promise<ResolvedOptions> {
  return options.isEngineKnown ? options : onEngine(options, await detectEngine(session.client));
}
