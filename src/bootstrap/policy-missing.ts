import { readRule } from '../casbin/rule-row.ts';
import { asClient } from '../database/own-queries.ts';
import { type AnyTransaction, readAndReleaseLocks } from '../database/transaction.ts';
import { DatabaseError } from '../errors.ts';
import type { ResolvedOptions } from '../options/resolved-options.ts';
import { formatRule, type Rule } from '../policy/rule.ts';
import { givenRules } from '../tables/rule-table.ts';
import { shorten } from '../text.ts';
import type { LivePolicy } from './read-policy.ts';

/** How many stored rules a message shows, for somebody to recognise the policy by. */
const SHOWN_EXAMPLES = 3;
const EXAMPLE_LENGTH = 200;

/**
 * Refuses to add the default policy to other rules. If no policy was given, and rules are stored but none of the
 * default ones, the caller has probably forgotten the option.
 *
 * Call it under the bootstrap lock, because another instance may just be seeding its policy, and before anything is
 * written. It ignores a table of another shape, which is refused later.
 *
 * @throws DatabaseError `POLICY_MISSING`
 */
export async function refuseForgottenPolicy(trx: AnyTransaction, options: ResolvedOptions): Promise<void> {
  if (options.policyGiven) return;
  // Without an advisory lock, the lock of this read would block another bootstrap that alters the table.
  const examples = await readAndReleaseLocks(trx, () => readForeignRules(trx, options));
  if (examples !== null) throw policyMissing(examples, options);
}

/** Some of the stored rules; null if there are none, or a defined one is stored. */
async function readForeignRules(
  trx: AnyTransaction,
  { ruleTable, defined }: ResolvedOptions,
): Promise<Rule[] | null> {
  const given = ruleTable.give(defined.rules);
  const { rows } = await asClient(trx).query(
    `select ${ruleTable.columns('example')}
     from ${ruleTable.sql} example
     where not exists (
       select from ${givenRules(given)} join ${ruleTable.sql} stored on ${given.isSame('stored')}
     )
     limit ${SHOWN_EXAMPLES}`,
    [...given.arrays],
  );
  if (rows.length === 0) return null;
  return rows.flatMap((row) => readRule(ruleTable, row) ?? []);
}

/** The same for rules that were read by a scope that reaches every default rule. */
export function refuseForeignRules(options: ResolvedOptions, { rules, scope }: LivePolicy): void {
  const { policyGiven, defined } = options;
  // If the table was read in part, it may have rules although none was read.
  if (policyGiven || (scope === 'whole' && rules.length === 0)) return;
  if (defined.without(rules).length === defined.rules.length)
    throw policyMissing(rules.slice(0, SHOWN_EXAMPLES), options);
}

function policyMissing(examples: readonly Rule[], { ruleTable }: ResolvedOptions): DatabaseError {
  const list = examples.map((rule) => `"${shorten(formatRule(rule), EXAMPLE_LENGTH)}"`).join(', ');
  return new DatabaseError(
    'POLICY_MISSING',
    `No policy was given, and table ${ruleTable.sql} holds rules, none of them of the default policy${list && ` (for instance ${list})`}. ` +
      'Nothing was changed. Give the policy of this database by the policy option. ' +
      'To add the default policy to these rules, give policy: defaultPolicy.',
  );
}
