import type { Model } from 'casbin';
import { sql } from 'kysely';
import type { AnyTransaction } from '../database/transaction.ts';
import type { Rule } from '../policy/rule.ts';
import { limitingConjuncts } from './matcher.ts';
import { tokensOf } from './model.ts';
import { type RuleRow, readStoredRules, type StoredRule } from './rule-row.ts';

/** Which of the stored rules to read. */
export type Scope =
  | { readonly kind: 'whole' }
  /** What decisions about these names can depend on; `bySubject`: only `p` rules whose first value is one. */
  | { readonly kind: 'reachable'; readonly names: readonly string[]; readonly bySubject: boolean };

/**
 * Which rules can take part in deciding `requests` or are among `rules`.
 *
 * Role links are followed from every name that a request or a defined rule begins with. `p` rules are limited
 * to those subjects only where each matcher says so by a leading `g(r.sub, p.sub)` or `r.sub == p.sub`.
 */
export function reachableScope(
  model: Model,
  rules: readonly Rule[],
  requests: readonly (readonly string[])[],
): Scope {
  if (model.model.get('e')?.get('e')?.value.startsWith('subjectPriority')) return { kind: 'whole' };
  const names = new Set([...rules.map(({ values }) => values[0] ?? ''), ...requests.flat()]);
  // With no rule at all Casbin evaluates the matcher on empty values, which an empty name would be equal to.
  if (names.has('')) return { kind: 'whole' };
  return { kind: 'reachable', names: [...names], bySubject: matchesBySubject(model) };
}

/** Whether a `p` rule can match only a subject that is, or inherits from, its first value. */
function matchesBySubject(model: Model): boolean {
  const subject = tokensOf(model, 'p')[0];
  const ptypes = [...(model.model.get('p')?.keys() ?? [])];
  const matchers = [...(model.model.get('m')?.values() ?? [])];
  if (subject === undefined || ptypes.length > 1) return false;
  return matchers.every(({ value }) => limitingConjuncts(value).some(({ policy }) => policy === subject));
}

/** Reads stored rules in the order of their ids. Throws StoredRuleError for rows that no enforcer can load. */
export async function readLivePolicy(trx: AnyTransaction, scope: Scope): Promise<StoredRule[]> {
  const query = scope.kind === 'whole' ? selectWhole() : selectReachable(scope);
  const { rows } = await query.execute(trx);
  return readStoredRules(rows);
}

function selectWhole() {
  return sql<RuleRow>`select id, ptype, rule from casbin order by id`;
}

/**
 * Looks each name up by `rule ->> 0`, which the stock schema has an index on. The `offset 0` keeps the planner
 * from turning the look-ups into a join that reads the whole table, as it does while its statistics are old.
 * Rows without a first value are in the same index, and no enforcer can load them.
 */
function selectReachable({ names, bySubject }: Scope & { kind: 'reachable' }) {
  const rulesOfName = sql`lateral (select * from casbin where rule ->> 0 = reached.name offset 0)`;
  const policyRules = sql`select c.* from casbin c where c.ptype ^@ 'p' and c.rule ->> 0 is not null`;
  return sql<RuleRow>`
    with recursive reached (name) as (
      select unnest(${names}::text[])
      union
      select c.rule ->> 1
      from reached
      cross join ${rulesOfName} c
      where c.ptype ^@ 'g'
    ),
    found as (
      select c.* from reached cross join ${rulesOfName} c where ${bySubject ? sql`true` : sql`not c.ptype ^@ 'p'`}
      union all
      ${bySubject ? sql`` : sql`${policyRules} union all`}
      select c.* from casbin c where c.rule ->> 0 is null
    )
    select id, ptype, rule from found order by id
  `;
}
