import { type RawBuilder, sql } from 'kysely';
import {
  isEmptied,
  nameRuleTable,
  READ_PORTION,
  readLivePolicy,
  selectReachable,
  selectWhole,
} from '../casbin/live-policy.ts';
import { refuseHangingPatterns } from '../casbin/patterns.ts';
import { isRuleValues, RuleReader, type RuleRow, type StoredRule } from '../casbin/rule-row.ts';
import type { Scope } from '../casbin/scope.ts';
import { readColumns, tableIn } from '../database/catalog.ts';
import { type AnyTransaction, readAndReleaseLocks } from '../database/transaction.ts';
import { DatabaseError } from '../errors.ts';
import type { ResolvedOptions } from '../options/resolve.ts';
import { formatRule, type Rule } from '../policy/rule.ts';
import type { RuleSet } from '../policy/rule-set.ts';
import { toDocuments } from '../tables/insert.ts';

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
  'model' | 'configureEnforcer' | 'reach' | 'verify' | 'progress'
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
  return options.reach();
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

/** How many names a query may hold that is sent whether it is needed or not. */
const FEW_NAMES = 1_000;

/** A setting of this library's own, in which a message keeps the number of stored rules for its later queries. */
const RULE_COUNT = 'casbin_bootstrap.rule_count';

/** As {@link ruleCountExpression}, and keeps the number for {@link policyQueries} until the transaction ends. */
export function keepRuleCount(options: ReadingOptions & Pick<ResolvedOptions, 'schema'>) {
  return sql`set_config(${RULE_COUNT}, ${ruleCountExpression(options, options.schema)}::text, true)::int`;
}

/** Queries for the live policy that can be sent before it is known how many rules are stored. */
export interface PolicyQueries {
  readonly queries: readonly RawBuilder<RuleRow>[];
  /**
   * What they have read; null where {@link readScope} has to read it: in portions, or to name the rows at fault.
   *
   * @param results the rows of each query
   * @param nameTable called for a message only
   */
  read(
    results: readonly RuleRow[][],
    ruleCount: number,
    nameTable: () => Promise<string>,
  ): Promise<LivePolicy | null>;
}

/**
 * The queries for one message, in which {@link keepRuleCount} comes before them. Of a small table, the first query reads
 * all rules and the second one none; of a large one, the first reads none, and the second what the definition can reach.
 */
export function policyQueries(options: ReadingOptions): PolicyQueries {
  const { defined, model, verify } = options;
  if (defined.rules.length > READ_PORTION) return { queries: [], read: async () => null };
  const scope = chooseScope(options, Number.POSITIVE_INFINITY);
  const count = sql`current_setting(${RULE_COUNT})::int`;
  const limit = defined.rules.length + WHOLE_TABLE_SLACK;
  const queries =
    scope.kind === 'whole'
      ? [selectWhole()]
      : [
          selectWhole(sql`${count} <= ${limit}`),
          ...(scope.names.length > FEW_NAMES ? [] : [selectReachable(scope, sql`${count} > ${limit}`)]),
        ];
  return {
    queries,
    async read(results, ruleCount, nameTable) {
      const chosen = chooseScope(options, ruleCount);
      const rows = chosen.kind === 'whole' ? results[0] : results[1];
      if (rows === undefined) return null;
      const reader = new RuleReader(defined);
      const rules = reader.read(rows);
      if (reader.hasUnreadable) return null;
      if (isEmptied(chosen, rules)) return null;
      if (verify !== null) await refuseHangingPatterns(model, rules, nameTable);
      return { rules, scope: chosen.kind === 'whole' ? 'whole' : 'part' };
    },
  };
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

/** How many stored rules a message shows, for somebody to recognise the policy by. */
const SHOWN_EXAMPLES = 3;

/**
 * Refuses to add the default policy to somebody else's rules: a policy was forgotten where none was given, and rules
 * are stored, and none of the default ones is among them.
 *
 * To be asked under the bootstrap lock, as another instance may just be seeding its policy, and before anything is
 * written. A table of another shape is left to those who refuse it.
 *
 * @throws DatabaseError `POLICY_MISSING`
 */
export async function refuseForgottenPolicy(
  trx: AnyTransaction,
  schema: string,
  { policyGiven, defined }: ResolvedOptions,
): Promise<void> {
  if (policyGiven || !(await isRuleTable(trx, schema))) return;
  // Its lock would be in the way of another bootstrap that alters the table, where no advisory lock is granted.
  const examples = await readAndReleaseLocks(trx, () => readForeignRules(trx, schema, defined.rules));
  if (examples !== null) throw policyMissing(examples);
}

async function isRuleTable(trx: AnyTransaction, schema: string): Promise<boolean> {
  const columns = await readColumns(trx, 'casbin', schema);
  const types = new Map(columns?.map(({ name, type }) => [name, type]));
  return types.has('ptype') && types.get('rule') === 'jsonb';
}

/** Some of the stored rules; null where there are none, or a `known` one is among them. */
async function readForeignRules(
  trx: AnyTransaction,
  schema: string,
  known: readonly Rule[],
): Promise<Rule[] | null> {
  const [ptypes, documents] = toDocuments(known);
  const table = sql.id(schema, 'casbin');
  const { rows } = await sql<{ ptype: string | null; rule: unknown }>`
    select ptype, rule
    from ${table}
    where not exists (
      select
      from unnest(${ptypes}::text[], ${documents}::text[]) as known (ptype, rule)
      join ${table} stored on stored.ptype = known.ptype and stored.rule = known.rule::jsonb
    )
    limit ${SHOWN_EXAMPLES}
  `.execute(trx);
  if (rows.length === 0) return null;
  return rows.flatMap(({ ptype, rule }) =>
    ptype !== null && isRuleValues(rule) ? [{ ptype, values: rule }] : [],
  );
}

/** The same for rules that were read, by a scope that reaches the default ones wherever they are. */
export function refuseForeignRules(
  { policyGiven, defined }: ResolvedOptions,
  { rules, scope }: LivePolicy,
): void {
  // Of a table that was read in part, there may be rules although none was read.
  if (policyGiven || (scope === 'whole' && rules.length === 0)) return;
  if (defined.without(rules).length === defined.rules.length)
    throw policyMissing(rules.slice(0, SHOWN_EXAMPLES));
}

function policyMissing(examples: readonly Rule[]): DatabaseError {
  const list = examples.map((rule) => `"${formatRule(rule)}"`).join(', ');
  return new DatabaseError(
    'POLICY_MISSING',
    `No policy was given, and the casbin table holds rules, none of them of the default policy${list && ` (for instance ${list})`}. ` +
      'Nothing was changed. Give the policy of this database by the policy option. ' +
      'To add the default policy to these rules, give policy: defaultPolicy.',
  );
}
