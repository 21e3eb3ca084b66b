import type { Model } from 'casbin';
import type { ClientLike } from '../../database/client.ts';
import { readStoredRules, type StoredRule } from '../rule-row.ts';
import { onRuleTable } from './faults.ts';
import { matchesFilter, type PolicyFilter } from './filter.ts';

/** Throws for rules that must not get into the model. */
export type CheckRules = (model: Model, rules: readonly StoredRule[]) => void;

/**
 * Appends the stored rules to the model, by id, as arrays: they arrive as they were written.
 *
 * Rules of a ptype that the model lacks are left out, as Casbin's own loader does. Throws a StoredRuleError
 * before the model is touched when a row holds no rule, and whatever `check` throws.
 */
export async function loadRules(
  client: ClientLike,
  table: string,
  model: Model,
  check: CheckRules,
  filter: PolicyFilter = {},
): Promise<void> {
  const { sql, parameters } = matchesFilter(filter);
  const { rows } = await onRuleTable(table, [], () =>
    client.query(`select id, ptype, rule from ${table} where ${sql} order by id`, [...parameters]),
  );
  const rules = readStoredRules(rows, table);
  check(model, rules);
  for (const { ptype, values } of rules) {
    // Nobody else has them.
    model.model
      .get(ptype.charAt(0))
      ?.get(ptype)
      ?.policy.push(values as string[]);
  }
}
