import { type RawBuilder, sql } from 'kysely';
import { refuseHangingPatterns } from '../casbin/patterns.ts';
import { RuleReader, type StoredRule } from '../casbin/rule-row.ts';
import { type Scope, WHOLE } from '../casbin/scope.ts';
import type { AnyTransaction } from '../database/transaction.ts';
import type { ResolvedOptions } from '../options/resolved-options.ts';
import type { RuleSet } from '../policy/rule-set.ts';
import {
  isEmptied,
  readLivePolicy,
  type SelectedRow,
  selectReachable,
  wholeText,
} from '../tables/live-policy.ts';
import { PORTION } from '../tables/portions.ts';
import { readAsDefined } from '../tables/read-as-defined.ts';

/** The rules of the live policy that were read, and whether these are all. */
export interface LivePolicy {
  readonly rules: readonly StoredRule[];
  readonly scope: 'whole' | 'part';
}

export const NOTHING_READ: LivePolicy = { rules: [], scope: 'part' };

/** A table with at most this many rules more than are defined is read whole. */
const WHOLE_TABLE_SLACK = 1_000;

/** The options that determine how much is read. */
type ReadingOptions = {
  readonly defined: RuleSet;
  readonly promises: Pick<ResolvedOptions['promises'], 'reach'>;
} & Pick<ResolvedOptions, 'model' | 'configureEnforcer' | 'verify' | 'progress' | 'ruleTable'>;

/** Chooses what to read: a small table as a whole; of a large one, the rules that the definition can reach. */
function chooseScope(options: ReadingOptions, ruleCount: number): Scope {
  const { full = false, strict = false, stockLoadable = false } = options.verify ?? {};
  // Custom functions and role managers may link any names, drift may be in any row, and a stock adapter loads all rows.
  const everything = full || strict || stockLoadable || options.configureEnforcer !== undefined;
  if (everything || ruleCount <= options.defined.rules.length + WHOLE_TABLE_SLACK) return WHOLE;
  return options.promises.reach();
}

/** Up to which number stored rules are counted: {@link chooseScope} does not need the exact number of more. */
export function countLimit({ defined }: Pick<ReadingOptions, 'defined'>): number {
  return defined.rules.length + WHOLE_TABLE_SLACK + 1;
}

/** Counts the stored rules, up to the number that {@link chooseScope} needs. */
function ruleCountExpression({ defined, ruleTable }: ReadingOptions) {
  const limit = countLimit({ defined });
  return sql`(select count(*)::int from (select from ${sql.raw(ruleTable.sql)} limit ${limit}) counted)`;
}

/** Reads as much of the live policy as the options ask for. */
export async function readPolicy(trx: AnyTransaction, options: ReadingOptions): Promise<LivePolicy> {
  const { rows } = await sql<{ count: number }>`
    select ${ruleCountExpression(options)} as count
  `.execute(trx);
  return readCounted(trx, options, rows[0]?.count ?? 0);
}

/** The same if the stored rules have been counted, up to {@link countLimit}. */
export async function readCounted(
  trx: AnyTransaction,
  options: ReadingOptions,
  ruleCount: number,
): Promise<LivePolicy> {
  const { defined, ruleTable } = options;
  const rules =
    ruleCount === defined.rules.length ? await readAsDefined(trx, ruleTable, defined.rules) : null;
  if (rules !== null) return { rules, scope: 'whole' };
  return readScope(trx, chooseScope(options, ruleCount), options);
}

/** How many names a query may contain that may turn out to be unnecessary. */
const FEW_NAMES = 1_000;

/** A setting of this library's own, in which a message keeps the number of stored rules for its later queries. */
const RULE_COUNT = 'casbin_bootstrap.rule_count';

/** As {@link ruleCountExpression}, and keeps the number for {@link policyQueries} until the transaction ends. */
export function keepRuleCount(options: ReadingOptions) {
  return sql`set_config(${RULE_COUNT}, ${ruleCountExpression(options)}::text, true)::int`;
}

/** Queries for the live policy that can be sent before it is known how many rules are stored. */
export interface PolicyQueries {
  readonly queries: readonly RawBuilder<SelectedRow>[];
  /**
   * The policy that they have read; null if {@link readScope} has to read it.
   *
   * @param results the rows of each query
   */
  read(results: readonly SelectedRow[][], ruleCount: number): Promise<LivePolicy | null>;
}

/** How a message reads the live policy, depending on how many rules are stored. */
export interface PolicyPlan {
  /** Up to that many stored rules, the whole table is read. */
  readonly wholeUpTo: number;
  /** The scope for a larger table; null if one message can't read it. */
  readonly part: Extract<Scope, { kind: 'reachable' }> | null;
}

/** Null if there are too many rules for one message. */
export function planPolicy(options: ReadingOptions): PolicyPlan | null {
  const { length } = options.defined.rules;
  if (length > PORTION) return null;
  const scope = chooseScope(options, Number.POSITIVE_INFINITY);
  if (scope.kind === 'whole') return { wholeUpTo: Number.POSITIVE_INFINITY, part: null };
  return { wholeUpTo: length + WHOLE_TABLE_SLACK, part: scope.names.length > FEW_NAMES ? null : scope };
}

/**
 * The queries for one message, in which {@link keepRuleCount} comes before them. Of a small table, the first query
 * reads all rules and the second one none; of a large one, the first reads none, and the second what the definition can
 * reach.
 */
export function policyQueries(options: ReadingOptions): PolicyQueries {
  const plan = planPolicy(options);
  if (plan === null) return { queries: [], read: async () => null };
  const { ruleTable } = options;
  const { wholeUpTo, part } = plan;
  const count = `current_setting('${RULE_COUNT}')::int`;
  const isSmall = wholeUpTo === Number.POSITIVE_INFINITY ? undefined : `${count} <= ${wholeUpTo}`;
  return {
    queries: [
      sql.raw(wholeText(ruleTable, isSmall)),
      ...(part === null ? [] : [selectReachable(ruleTable, part, `${count} > ${wholeUpTo}`)]),
    ],
    async read([whole, reachable], ruleCount) {
      const scope = ruleCount <= wholeUpTo ? WHOLE : part;
      const rows = scope === WHOLE ? whole : reachable;
      return scope === null || rows === undefined ? null : takePolicy(options, rows, scope);
    },
  };
}

/**
 * The policy that was read. Null if {@link readScope} has to read it, because it needs more rows, or to name faulty
 * rows.
 */
export async function takePolicy(
  options: ReadingOptions,
  rows: readonly SelectedRow[],
  scope: Scope,
): Promise<LivePolicy | null> {
  const reader = new RuleReader(options.ruleTable, options.defined);
  const rules = reader.read(rows);
  if (reader.hasUnreadable || isEmptied(scope, rules)) return null;
  return toLivePolicy(options, rules, scope);
}

/** Reads the given part of the live policy. */
export async function readScope(
  trx: AnyTransaction,
  scope: Scope,
  options: ReadingOptions,
): Promise<LivePolicy> {
  const { defined, progress, ruleTable } = options;
  const report = progress.start('read', defined.rules.length);
  const rules = await readLivePolicy(trx, ruleTable, scope, defined, report);
  return toLivePolicy(options, rules, scope);
}

/** Refuses patterns that no decision may use, unless nothing is decided. */
async function toLivePolicy(
  { model, verify, ruleTable }: ReadingOptions,
  rules: readonly StoredRule[],
  scope: Scope,
): Promise<LivePolicy> {
  if (verify !== null) await refuseHangingPatterns(model, rules, ruleTable);
  return { rules, scope: scope.kind === 'whole' ? 'whole' : 'part' };
}
