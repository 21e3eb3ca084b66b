import type { BootstrapOptions } from './options.ts';
import type { Rule } from './policy/rule.ts';
import { RuleSet } from './policy/rule-set.ts';
import { type PolicySource, readPolicies } from './policy-source.ts';
import { comparePolicies, type DecisionChanges } from './verification/compare-policies.ts';
import { linkedNames, splitUserLinks } from './verification/user-links.ts';

/** How two policies differ. */
export interface PolicyDiff {
  /** Which rules only one of them has. */
  readonly rules: RuleChanges;
  /** Which requests they decide differently. */
  readonly decisions: DecisionChanges;
  /** Links of users to roles in a database, which are left out: no definition has them. */
  readonly userLinks: number;
}

/** Rules of one policy and not of the other, ptype first. */
export interface RuleChanges {
  /** What only the later one has. */
  readonly added: readonly (readonly string[])[];
  /** What only the earlier one has. */
  readonly removed: readonly (readonly string[])[];
}

/**
 * Compares two policies by their rules, and by what they decide: who may now do what they could not, and the reverse,
 * each request with the rule and the roles behind it.
 *
 * Of a database, the links of users to roles are left out. A user is a name that has a role and is none itself, and
 * that the other policy does not name.
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
    userLinks: split.reduce((sum, { userLinks }) => sum + userLinks.length, 0),
  };
}

function toArrays(rules: readonly Rule[]): string[][] {
  return rules.map(({ ptype, values }) => [ptype, ...values]);
}
