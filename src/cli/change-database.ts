import type { PoolLike } from '../database/client.ts';
import { ConnectFailure, isConnectionLoss, withSession } from '../database/session.ts';
import { ConnectionError } from '../errors.ts';
import { explainConnectFailure } from '../failure/explain-failure.ts';
import { type ChangeOptions, type ChangeReport, changePolicy, type PolicyChanges } from '../index.ts';
import { reasonOf } from '../text.ts';

/** Changes the policy of a database in a transaction of its own. Loads the library, so it is loaded late. */
export async function changeDatabase(
  pool: PoolLike,
  changes: PolicyChanges,
  options: ChangeOptions,
): Promise<ChangeReport> {
  try {
    return await withSession(pool, ({ client }) => changePolicy(client, changes, options));
  } catch (error) {
    if (error instanceof ConnectFailure) throw explainConnectFailure(error.cause);
    if (!isConnectionLoss(error)) throw error;
    const message = `The connection was lost: ${reasonOf(error)}. It is unknown whether the change was made. Run it again, which is safe in both cases.`;
    throw new ConnectionError('OUTCOME_UNKNOWN', message, { cause: error });
  }
}
