import type { Model } from 'casbin';
import { tokensOf } from '../casbin/model.ts';
import type { StoredRule } from '../casbin/rule-row.ts';
import { formatRule, type Rule } from '../policy/rule.ts';
import type { RuleSet } from '../policy/rule-set.ts';
import type { DriftFinding } from './report.ts';

/**
 * Stored rules that are not in the definition and are about a role that is: a grant to it, or a role that it
 * inherits from since. Links from users to roles are not among them.
 *
 * @param explained rules that a finding names already, ptype first
 */
export function findAddedRules(
  model: Model,
  live: readonly StoredRule[],
  defined: RuleSet,
  explained: readonly (readonly string[])[],
): DriftFinding[] {
  const subjectOf = subjectReader(model);
  const roles = new Set(defined.rules.flatMap((rule) => [subjectOf(rule), ...parentOf(rule)]));
  const known = new Set(explained.map((rule) => JSON.stringify(rule)));
  return live
    .filter((rule) => !defined.has(rule) && roles.has(subjectOf(rule)))
    .filter(({ ptype, values }) => !known.has(JSON.stringify([ptype, ...values])))
    .map((rule): DriftFinding => {
      const array = [rule.ptype, ...rule.values];
      return {
        request: [],
        expected: null,
        actual: null,
        rule: array,
        rolePath: [],
        ids: [rule.id],
        added: [array],
        reason: 'stored, but not defined',
        message: `Rule "${formatRule(rule)}" (row ${rule.id}) is stored, but not defined.`,
      };
    });
}

/** The one whom a rule is about: the child of a role link, and of a `p` rule what its definition calls `sub`. */
function subjectReader(model: Model): (rule: Rule) => string | undefined {
  const positions = new Map(
    [...(model.model.get('p')?.keys() ?? [])].map((ptype) => [
      ptype,
      tokensOf(model, 'p', ptype).indexOf('sub'),
    ]),
  );
  return ({ ptype, values }) => values[Math.max(0, positions.get(ptype) ?? 0)];
}

function parentOf({ ptype, values }: Rule): string[] {
  return ptype.startsWith('g') ? values.slice(1, 2) : [];
}
