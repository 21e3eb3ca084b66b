import { sql } from 'kysely';
import { onRightEngine } from './bootstrap/on-right-engine.ts';
import { chooseScope, readScope, refuseForeignRules, ruleCountExpression } from './bootstrap/read-policy.ts';
import { verifyLive } from './bootstrap/verify-live.ts';
import type { PoolLike } from './database/client.ts';
import { createKysely } from './database/dialect.ts';
import { asClient } from './database/own-queries.ts';
import {
  type HiddenRows,
  hiddenRowsColumns,
  NOTHING_HIDDEN,
  refuseHiddenRows,
} from './database/privileges.ts';
import { answerTimeout, type Session, withSession } from './database/session.ts';
import {
  type AnyTransaction,
  inReadOnlyTransaction,
  searchPathExpression,
  stayAwake,
} from './database/transaction.ts';
import { explainFailure } from './failure/explain-failure.ts';
import { findConflict, retryConflicts } from './failure/retry.ts';
import { type ResolvedOptions, resolveVerifyOptions, withRuleTable } from './options/resolve.ts';
import type { VerifyDatabaseOptions } from './options.ts';
import type { VerificationReport } from './report.ts';
import { findRuleTable } from './tables/find-rule-table.ts';

/**
 * Holds the policy that a database has against the definition, by Casbin's enforcer. It only reads, so it works
 * on a standby and for a role that may only select from `casbin`; migrations and seeders are not looked at.
 *
 * It takes the options of the bootstrap, and `strict`, `full` and `stockLoadable` beside them too.
 *
 * What it finds is in the report: `ok` says whether every promise is kept. It throws only for not being able to
 * tell: InvalidOptionsError, or another BootstrapError as from bootstrapDatabase.
 */
export async function verifyDatabase(
  pool: PoolLike,
  options: VerifyDatabaseOptions = {},
): Promise<VerificationReport> {
  const resolved = await resolveVerifyOptions(pool, options);
  try {
    const limits = { ...resolved, answerTimeoutMs: answerTimeout(resolved) };
    const attempt = () =>
      withSession(
        pool,
        (session) => onRightEngine(session, resolved, (options) => verifyOnce(session, options)),
        limits,
      );
    return await retryConflicts(attempt, resolved.logger);
  } catch (error) {
    throw await explainFailure(error, resolved, null);
  }
}

async function verifyOnce(session: Session, given: ResolvedOptions): Promise<VerificationReport> {
  let options = given;
  try {
    session.enter('the verification');
    return await inReadOnlyTransaction(createKysely(session, given), async (trx) => {
      const { table } = await findRuleTable(asClient(trx), given.schema, given.table, given.engine);
      options = withRuleTable(given, table);
      const live = await readScope(trx, await prepare(trx, options), options);
      refuseForeignRules(options, live);
      return stayAwake(trx, options, () => verifyLive((ask) => ask(trx), options, live));
    });
  } catch (error) {
    throw findConflict(error, session) ?? (await explainFailure(error, options, session));
  }
}

/** Sets the search_path, and tells how much of the table to read. */
async function prepare(trx: AnyTransaction, options: ResolvedOptions) {
  const { rows } = await sql<{ count: number } & HiddenRows>`
    select
      ${ruleCountExpression(options)} as count,
      ${options.engine.commitsDdl ? NOTHING_HIDDEN : hiddenRowsColumns([options.ruleTable.sql])},
      ${searchPathExpression(options.schema)}
  `.execute(trx);
  if (rows[0] !== undefined) refuseHiddenRows(rows[0]);
  return chooseScope(options, rows[0]?.count ?? 0);
}
