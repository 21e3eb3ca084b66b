import { sql } from 'kysely';
import { nameRuleTable, readLivePolicy } from '../casbin/live-policy.ts';
import { refuseHangingPatterns } from '../casbin/patterns.ts';
import type { StoredRule } from '../casbin/rule-row.ts';
import { reachableScope, type Scope } from '../casbin/scope.ts';
import { tableIn } from '../database/table.ts';
import type { AnyTransaction } from '../database/transaction.ts';
import type { ResolvedOptions } from '../options/resolve.ts';
import type { RuleSet } from '../policy/rule-set.ts';

/** What was read of the live policy, and whether that is all of it. */
export interface LivePolicy {
  readonly rules: readonly StoredRule[];
  readonly scope: 'whole' | 'part';
}

export const NOTHING_READ: LivePolicy = { rules: [], scope: 'part' };

/** A table with at most this many rules more than are defined is read whole. */
const WHOLE_TABLE_SLACK = 1_000;

/** What decides how much is read. */
type ReadingOptions = { readonly defined: RuleSet } & Pick<
  ResolvedOptions,
  'model' | 'configureEnforcer' | 'expectations' | 'verify' | 'progress'
>;

/**
 * Small tables are read whole; of large ones, what the definition can reach.
 *
 * @param slack how many rules more than are defined a small table has at most, here and below
 */
export function chooseScope(options: ReadingOptions, ruleCount: number, slack = WHOLE_TABLE_SLACK): Scope {
  const { full = false, strict = false, stockLoadable = false } = options.verify ?? {};
  // Custom functions and role managers may link any names; drift may be in any row; a stock adapter loads each.
  const everything = full || strict || stockLoadable || options.configureEnforcer !== undefined;
  if (everything || ruleCount <= options.defined.rules.length + slack) return { kind: 'whole' };
  return reachableScope(options.model, options.defined.rules, (position) =>
    options.expectations.valuesAt(position),
  );
}

/** Counts the stored rules, as far as it matters for {@link chooseScope}. */
export function ruleCountExpression(
  { defined }: ReadingOptions,
  schema: string | undefined,
  slack = WHOLE_TABLE_SLACK,
) {
  const limit = defined.rules.length + slack + 1;
  return sql`(select count(*)::int from (select from ${tableIn(schema, 'casbin')} limit ${limit}) counted)`;
}

/** Reads as much of the live policy as the options ask for, from the table that the search_path finds. */
export async function readPolicy(
  trx: AnyTransaction,
  options: ReadingOptions,
  slack = WHOLE_TABLE_SLACK,
): Promise<LivePolicy> {
  const { rows } = await sql<{ count: number }>`
    select ${ruleCountExpression(options, undefined, slack)} as count
  `.execute(trx);
  return readScope(trx, chooseScope(options, rows[0]?.count ?? 0, slack), options);
}

/** Reads that much of it. */
export async function readScope(
  trx: AnyTransaction,
  scope: Scope,
  { model, defined, progress, verify }: ReadingOptions,
): Promise<LivePolicy> {
  const rules = await readLivePolicy(trx, scope, defined, progress.start('read', defined.rules.length));
  if (verify !== null) await refuseHangingPatterns(model, rules, () => nameRuleTable(trx));
  return { rules, scope: scope.kind === 'whole' ? 'whole' : 'part' };
}
