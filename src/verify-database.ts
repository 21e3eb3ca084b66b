import { refuseForeignRules } from './bootstrap/policy-missing.ts';
import { readPolicy } from './bootstrap/read-policy.ts';
import { findNewestVersion, withOwnership } from './bootstrap/settle-ownership.ts';
import { verifyLive } from './bootstrap/verify-live.ts';
import type { PoolLike } from './database/client.ts';
import { stayAwake } from './database/transaction.ts';
import { inspectRuleTable } from './inspect/inspect-database.ts';
import { resolveVerifyOptions } from './options/resolve.ts';
import type { VerifyDatabaseOptions } from './options.ts';
import type { VerificationReport } from './verification-report.ts';

/**
 * Compares the policy of a database with the definition, by Casbin's enforcer. It only reads, so it works on a standby
 * and for a role that may only select from `casbin`. It does not look at migrations and seeders.
 *
 * It takes the options of the bootstrap, and also `strict`, `full` and `stockLoadable` outside of `verify`.
 *
 * The report has everything that it finds; `ok` says whether every promise is kept. It throws only if it can't find
 * out: InvalidOptionsError, or another BootstrapError as from bootstrapDatabase.
 */
export async function verifyDatabase(
  pool: PoolLike,
  options: VerifyDatabaseOptions = {},
): Promise<VerificationReport> {
  const resolved = await resolveVerifyOptions(pool, options);
  return inspectRuleTable(pool, resolved, 'the verification', async ({ trx, options }) => {
    const live = await readPolicy(trx, options);
    refuseForeignRules(options, live);
    const newest = await findNewestVersion(trx, options);
    const located = await withOwnership((ask) => ask(trx), options, live, newest);
    return stayAwake(trx, located, () => verifyLive((ask) => ask(trx), located, live));
  });
}
