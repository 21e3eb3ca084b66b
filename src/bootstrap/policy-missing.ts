import { sql } from 'kysely';
import { toDocuments } from '../casbin/adapter/parameters.ts';
import { isRuleValues } from '../casbin/rule-row.ts';
import { readColumns } from '../database/columns.ts';
import { type AnyTransaction, readAndLetGo } from '../database/transaction.ts';
import { DatabaseError } from '../errors.ts';
import type { ResolvedOptions } from '../options/resolve.ts';
import { formatRule, type Rule } from '../policy/rule.ts';
import type { LivePolicy } from './scope.ts';

/** How many stored rules a message shows, for somebody to recognise the policy by. */
const SHOWN_RULES = 3;

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
  const examples = await readAndLetGo(trx, () => readForeignRules(trx, schema, defined.rules));
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
    limit ${SHOWN_RULES}
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
    throw policyMissing(rules.slice(0, SHOWN_RULES));
}

function policyMissing(examples: readonly Rule[]): DatabaseError {
  const list = examples.map((rule) => `"${formatRule(rule)}"`).join(', ');
  return new DatabaseError(
    'POLICY_MISSING',
    `No policy was given, and the casbin table holds rules, none of them of the default policy${list && ` (for instance ${list})`}. ` +
      'Nothing was changed. Give the policy of this database by the policy option. ' +
      'If the default policy is to be added to these rules, give that: policy: defaultPolicy.',
  );
}
