import type { PoolLike } from '../database/client.ts';
import { explainConnectFailure } from '../database/connect-failure.ts';
import { ConnectFailure, withSession } from '../database/session.ts';
import { type ChangeOptions, type ChangeReport, changePolicy, type PolicyChanges } from '../index.ts';

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
    throw error;
  }
}
