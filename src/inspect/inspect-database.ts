import { sql } from 'kysely';
import { onRightEngine } from '../bootstrap/on-right-engine.ts';
import type { PoolLike } from '../database/client.ts';
import { createKysely } from '../database/dialect.ts';
import { asClient } from '../database/own-queries.ts';
import {
  type HiddenRows,
  hiddenRowsColumns,
  NOTHING_HIDDEN,
  refuseHiddenRows,
} from '../database/privileges.ts';
import { type Session, withSession } from '../database/session.ts';
import { type AnyTransaction, inReadOnlyTransaction, searchPathExpression } from '../database/transaction.ts';
import { explainFailure } from '../failure/explain-failure.ts';
import type { Inspection } from '../failure/explain-step.ts';
import { findConflict, retryConflicts } from '../failure/retry.ts';
import { type ResolvedOptions, withRuleTable } from '../options/resolved-options.ts';
import { findRuleTable } from '../tables/find-rule-table.ts';
import { tableMissing } from '../tables/refusals.ts';

/** A database during an inspection. */
export interface Inspected {
  /** Read-only, and sees one moment. */
  readonly trx: AnyTransaction;
  /** The options, with the rule table that was found or the one that a bootstrap would create. */
  readonly options: ResolvedOptions;
  /** Whether there is no rule table. */
  readonly isMissing: boolean;
}

/**
 * Inspects a database in one read-only transaction, so it works on a standby and for a role that may only select.
 * Conflicts are retried, and failures are explained as those of a bootstrap.
 *
 * @param activity what a message calls the work
 * @param work the work whose privileges are named if one is missing
 */
export async function inspectDatabase<T>(
  pool: PoolLike,
  resolved: ResolvedOptions,
  activity: string,
  inspect: (inspected: Inspected) => Promise<T>,
  work: Inspection = 'inspection',
): Promise<T> {
  try {
    const attempt = () =>
      withSession(
        pool,
        (session) => {
          session.enter(activity);
          return onRightEngine(session, resolved, (on) => inspectOnce(session, on, inspect, work));
        },
        resolved,
      );
    return await retryConflicts(attempt, resolved.logger);
  } catch (error) {
    throw await explainFailure(error, resolved, null, work);
  }
}

/**
 * The same for what needs a rule table.
 *
 * @throws DatabaseError `TABLE_MISSING` if there is none
 */
export function inspectRuleTable<T>(
  pool: PoolLike,
  resolved: ResolvedOptions,
  activity: string,
  inspect: (inspected: Inspected) => Promise<T>,
): Promise<T> {
  return inspectDatabase(pool, resolved, activity, async (inspected) => {
    if (inspected.isMissing) throw tableMissing(inspected.options.ruleTable.sql);
    return inspect(inspected);
  });
}

async function inspectOnce<T>(
  session: Session,
  given: ResolvedOptions,
  inspect: (inspected: Inspected) => Promise<T>,
  work: Inspection,
): Promise<T> {
  let options = given;
  try {
    return await inReadOnlyTransaction(createKysely(session, given), async (trx) => {
      const { table, isMissing } = await findRuleTable(
        asClient(trx),
        given.schema,
        given.table,
        given.engine,
      );
      options = withRuleTable(given, table);
      await prepare(trx, options, isMissing);
      return inspect({ trx, options, isMissing });
    });
  } catch (error) {
    throw findConflict(error, session) ?? (await explainFailure(error, options, session, work));
  }
}

/** Sets the search_path, and refuses a table of which the role may see only some rows. */
async function prepare(trx: AnyTransaction, options: ResolvedOptions, isMissing: boolean): Promise<void> {
  const tables = isMissing ? [] : [options.ruleTable.sql];
  const { rows } = await sql<HiddenRows>`
    select ${options.engine.commitsDdl ? NOTHING_HIDDEN : hiddenRowsColumns(tables)}, ${searchPathExpression(options.schema)}
  `.execute(trx);
  if (rows[0] !== undefined) refuseHiddenRows(rows[0]);
}
