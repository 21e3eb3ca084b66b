import type { Model } from 'casbin';
import { isPlainConjunction } from '../casbin/matcher.ts';
import { reachedRules, type Scope } from '../casbin/scope.ts';
import type { Rule } from '../policy/rule.ts';
import { isSamePolicy, type RuleSet } from '../policy/rule-set.ts';

/**
 * Whether stored rules certainly decide the requests of a definition as its own rules do: those that these decisions
 * can depend on are the defined ones. Others, such as the roles of users, make no difference.
 */
export function decideAsDefined(
  model: Model,
  live: readonly Rule[],
  defined: RuleSet,
  reach: Scope,
): boolean {
  const reached = reachedRules(reach, live);
  // Without any `p` rule, Casbin evaluates the matcher with empty values.
  if (!reached.some(({ ptype }) => ptype === 'p')) return false;
  if (isSamePolicy(reached, defined.rules)) return true;
  if (mayDependOnOrder(model, reached)) return false;
  return reached.every((rule) => defined.has(rule)) && defined.without(reached).length === 0;
}

/** Whether the order of rules may make a difference to a decision. */
function mayDependOnOrder(model: Model, rules: readonly Rule[]): boolean {
  const textOf = (section: string) =>
    [...(model.model.get(section)?.values() ?? [])].map(({ value }) => value);
  if (textOf('e').some((effect) => /^(p|subjectP)riority\(/.test(effect))) return true;
  // A rule may decide before another one is evaluated, for which the matcher throws.
  if (!textOf('m').every(isPlainConjunction)) return true;
  // Casbin's memo of the calls of a role definition may confuse names that have commas.
  return rules.some(({ values }) => values.some((value) => value.includes(',')));
}
