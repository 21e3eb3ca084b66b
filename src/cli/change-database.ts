import type { PoolLike } from '../database/client.ts';
import { ConnectFailure, withSession } from '../database/session.ts';
import { errorCode, SQLSTATE } from '../database/sqlstates.ts';
import { DatabaseError } from '../errors.ts';
import { explainConnectFailure } from '../failure/explain-failure.ts';
import { type ChangeOptions, type ChangeReport, changePolicy, type PolicyChanges } from '../index.ts';
import { reasonOf } from '../text.ts';

/**
 * Changes the policy of a database in a transaction of its own. Import this file late, because it loads the library.
 */
export async function changeDatabase(
  pool: PoolLike,
  changes: PolicyChanges,
  options: ChangeOptions,
): Promise<ChangeReport> {
  try {
    return await withSession(pool, ({ client }) => changePolicy(client, changes, options));
  } catch (error) {
    if (error instanceof ConnectFailure) throw explainConnectFailure(error.cause);
    if (errorCode(error) === SQLSTATE.READ_ONLY_SQL_TRANSACTION) throw explainReadOnlyChange(error);
    throw error;
  }
}

/** On a standby, or by a setting of the server, the database or the role. */
function explainReadOnlyChange(error: unknown): DatabaseError {
  const message = `The database only reads here: ${reasonOf(error)}. Nothing was changed. Run it on the primary, or set default_transaction_read_only to off for this role.`;
  return new DatabaseError('READ_ONLY_DATABASE', message, { cause: error });
}
