import type { BootstrapOptions } from './options.ts';
import type { Rule } from './policy/rule.ts';
import { RuleSet } from './policy/rule-set.ts';
import { type PolicySource, readPolicies } from './policy-source.ts';
import { comparePolicies, type DecisionChanges } from './verification/compare-policies.ts';
import { linkedNames, splitUserLinks } from './verification/user-links.ts';

/** How two policies differ. */
export interface PolicyDiff {
  /** The rules that only one of them has. */
  readonly rules: RuleChanges;
  /** The requests that they decide differently. */
  readonly decisions: DecisionChanges;
  /**
   * How many links of users to roles were left out, because no definition has them. One of both policies counts once.
   */
  readonly userLinks: number;
}

/** Rules of one policy and not of the other, ptype first. */
export interface RuleChanges {
  /** Rules that only the later policy has. */
  readonly added: readonly (readonly string[])[];
  /** Rules that only the earlier policy has. */
  readonly removed: readonly (readonly string[])[];
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
  const { model, policies } = await readPolicies([before, after], options);
  const named = policies.flatMap(({ rules, isLive }) => (isLive ? [] : linkedNames(rules)));
  const split = policies.map((policy) =>
    policy.isLive ? splitUserLinks(model, policy.rules, named) : { rules: policy.rules, userLinks: [] },
  );
  const [old = [], now = []] = split.map(({ rules }) => rules);
  const decisions = await comparePolicies({
    model,
    configureEnforcer: options.configureEnforcer,
    before: old,
    after: now,
    listed: policies.flatMap(({ requests }) => requests),
  });
  return {
    rules: {
      added: toArrays(new RuleSet(now).without(old)),
      removed: toArrays(new RuleSet(old).without(now)),
    },
    decisions,
    userLinks: countDistinct(split.flatMap(({ userLinks }) => userLinks)),
  };
}

function countDistinct(links: readonly Rule[]): number {
  const all = new RuleSet(links);
  return links.filter((_, position) => all.firstOf(position) === position).length;
}

function toArrays(rules: readonly Rule[]): string[][] {
  return rules.map(({ ptype, values }) => [ptype, ...values]);
}
