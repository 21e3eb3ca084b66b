import { checkSource } from '../database/check-pool.ts';
import type { ClientLike, PoolLike } from '../database/client.ts';
import { quoteTable } from '../database/table.ts';
import { InvalidOptionsError } from '../errors.ts';
import type { CasbinAdapter } from './adapter/casbin-adapter.ts';
import { connectionOf } from './adapter/connection.ts';
import { loadHardenedAdapter } from './adapter/hardened-adapter.ts';
import type { CheckRules } from './adapter/load-rules.ts';

export type { CasbinAdapter } from './adapter/casbin-adapter.ts';
export type { CheckRules } from './adapter/load-rules.ts';

export interface AdapterOptions {
  /** The schema of the `casbin` table. Default: wherever the connection's `search_path` finds it. */
  readonly schema?: string | undefined;
}

/**
 * A casbin-pg-adapter that keeps what it is given: on the same table, for any Casbin enforcer.
 *
 * It never migrates: the table must be there and unique on (ptype, rule), as bootstrapDatabase() leaves it. On
 * a pool, each call has a connection to itself. On a client, calls run one after the other, in the transaction
 * that is open there. A failing savePolicy or updatePolicy leaves that transaction usable, and so does addRules
 * with more than a thousand rules; the others are one statement each, and a failing statement aborts a transaction.
 *
 * @throws InvalidOptionsError for a source that is neither a pool nor a client
 *
 * Its methods throw InvalidOptionsError for a value that PostgreSQL can't store, StoredRuleError for rows that
 * hold no rule, and DatabaseError for a table that is missing or not unique and for a rule too long to index.
 *
 * Rules of a ptype that the model does not define are left out when it loads, as by any adapter of Casbin's, so that
 * applications with different models may share a table. The adapter of createEnforcer refuses them.
 */
export function createAdapter(source: PoolLike | ClientLike, options: AdapterOptions = {}): CasbinAdapter {
  return createCheckedAdapter(source, options, () => {});
}

/** As {@link createAdapter}; `check` is shown all rules that are about to be loaded into a model, and may throw. */
export function createCheckedAdapter(
  source: PoolLike | ClientLike,
  { schema }: AdapterOptions,
  check: CheckRules,
): CasbinAdapter {
  const problems = checkSource(source);
  if (problems.length > 0) throw new InvalidOptionsError(problems);
  const HardenedAdapter = loadHardenedAdapter();
  return new HardenedAdapter(connectionOf(source), quoteTable('casbin', schema), check);
}
