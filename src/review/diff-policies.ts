import type { Model } from 'casbin';
import { effectOf, tokensOf } from '../casbin/model.ts';
import type { BootstrapOptions } from '../options.ts';
import { type Rule, toLine } from '../policy/rule.ts';
import { isSamePolicy, RuleSet } from '../policy/rule-set.ts';
import { comparePolicies, type DecisionChanges } from '../verification/compare-policies.ts';
import { linkedNames, splitUserLinks } from '../verification/user-links.ts';
import { type PolicySource, readPolicies } from './policy-source.ts';

/** How two policies differ. */
export interface PolicyDiff {
  /** The rules that only one of them has. */
  readonly rules: RuleChanges;
  /** The requests that they decide differently. */
  readonly decisions: DecisionChanges;
  /**
   * How many links of users to roles were left out, because no definition has them. A link of both policies counts
   * once.
   */
  readonly userLinks: number;
}

/** Rules of one policy and not of the other, ptype first. */
export interface RuleChanges {
  /** Rules that only the later policy has. */
  readonly added: readonly (readonly string[])[];
  /** Rules that only the earlier policy has. */
  readonly removed: readonly (readonly string[])[];
  /** Whether the rules of both are in another order, in a model whose effect may depend on it. */
  readonly reordered: boolean;
}

/**
 * Compares two policies by their rules and by their decisions: which requests only one of them allows, each with the
 * rule and the roles behind it.
 *
 * The links of users to roles in a database are left out. A user is a name that has a role, is not a role itself, and
 * is not named by the other policy.
 *
 * @throws InvalidOptionsError with everything that is wrong with the options or one of the policies
 * @throws BootstrapError for everything else, as verifyDatabase
 */
export async function diffPolicies(
  before: PolicySource,
  after: PolicySource,
  options: BootstrapOptions = {},
): Promise<PolicyDiff> {
  const { model, policies } = await readPolicies([before, after], options, ['before', 'after']);
  const named = policies.flatMap(({ rules, isLive }) => (isLive ? [] : linkedNames(rules)));
  const split = policies.map(({ rules }) => splitUserLinks(model, rules, named));
  const [old = [], now = []] = split.map(({ rules }) => rules);
  const decisions = await comparePolicies({
    model,
    configureEnforcer: options.configureEnforcer,
    before: old,
    after: now,
    listed: policies.flatMap(({ requests }) => requests),
  });
  const [earlier, later] = [once(old), once(now)];
  return {
    rules: {
      added: later.without(earlier.rules).map(toLine),
      removed: earlier.without(later.rules).map(toLine),
      reordered: isReordered(model, earlier, later),
    },
    decisions,
    userLinks: once(split.flatMap(({ userLinks }) => userLinks)).rules.length,
  };
}

/** The rules, each once: a table may have several rows of one. */
function once(rules: readonly Rule[]): RuleSet {
  const all = new RuleSet(rules);
  return new RuleSet(rules.filter((_, position) => all.firstOf(position) === position));
}

/**
 * Whether the rules of both are in another order. The order decides only among rules that allow and rules that deny.
 */
function isReordered(model: Model, earlier: RuleSet, later: RuleSet): boolean {
  const effect = effectOf(model);
  const bySubjects = effect.startsWith('subjectPriority(');
  if (!bySubjects && !effect.startsWith('priority(')) return false;
  const tokens = tokensOf(model, 'p');
  const [eft, priority] = [tokens.indexOf('eft'), tokens.indexOf('priority')];
  const rankOf = ({ ptype, values }: Rule) =>
    ptype === 'p' && priority !== -1 ? Number(values[priority]) : 0;
  // Under subjectPriority, the order of role links matters too.
  const shared = ({ rules }: RuleSet, others: RuleSet) =>
    rules
      .filter((rule) => (bySubjects || rule.ptype === 'p') && others.has(rule))
      .sort((one, next) => one.ptype.localeCompare(next.ptype) || rankOf(one) - rankOf(next));
  const before = shared(earlier, later);
  const effects = new Set(before.filter(({ ptype }) => ptype === 'p').map(({ values }) => values[eft]));
  return effects.size > 1 && !isSamePolicy(before, shared(later, earlier));
}
