import type { Model } from 'casbin';
import { isPlainConjunction } from '../casbin/matcher.ts';
import { textsOf } from '../casbin/model.ts';
import { reachedRules, type Scope } from '../casbin/scope.ts';
import { formatRule, type Rule, toRule } from '../policy/rule.ts';
import { isSamePolicy, type RuleSet } from '../policy/rule-set.ts';
import type { ReportDone } from '../progress.ts';
import type {
  Coverage,
  DriftFinding,
  KeptAwayRule,
  VerificationFailure,
  VerificationReport,
  VerificationScope,
  VerificationWarning,
} from '../verification-report.ts';
import { aboutRule, type Comparison, compareDecisions, describeMissing, noDifferences } from './compare.ts';
import { breathe } from './decide.ts';
import { type FindHolders, findDrift } from './drift.ts';
import { checkIntegrity, type VerifiedTable } from './integrity.ts';
import { checkStructure } from './structure.ts';

/** The definition and the stored policy to compare. */
export interface Verification extends Omit<Comparison, 'missing'> {
  readonly coverage: Coverage;
  readonly warnings: readonly VerificationWarning[];
  readonly scope: VerificationScope['kind'];
  /** The rules that the expectations can depend on. */
  readonly reach: () => Scope;
  readonly findHolders: FindHolders;
  readonly strict: boolean;
  /** Rules of the definition that are not stored on purpose, and are not among `defined`. Default: none. */
  readonly keptAway?: readonly KeptAwayRule[];
  /** Whether the stock adapter must be able to load every stored rule. Default: only the defined ones. */
  readonly stockLoadable?: boolean;
  readonly ruleTable: VerifiedTable;
}

/** The report if verification is turned off. */
export const NOT_VERIFIED: VerificationReport = {
  ok: true,
  checks: 0,
  allowed: 0,
  failures: [],
  integrity: [],
  drift: [],
  keptAway: [],
  left: [],
  leftOmitted: 0,
  omitted: { failures: 0, drift: 0 },
  scope: { kind: 'none', rules: 0 },
  coverage: { covered: 0, total: 0, uncovered: [] },
  warnings: [],
  rowOrder: null,
  durationMs: 0,
};

/**
 * Compares the live policy with the definition: first the integrity of the stored rules, then every expectation,
 * decided by a new enforcer.
 *
 * The cause of a difference matters: a change by a missing rule is a failure, a change by added rules is drift. A
 * broken role hierarchy ends the verification before any decision.
 */
export async function verifyPolicy(
  verification: Verification,
  report?: ReportDone,
): Promise<VerificationReport> {
  const started = performance.now();
  const { model, configureEnforcer, defined, expectations, coverage, warnings, live, scope, strict } =
    verification;
  const { findHolders, reach, stockLoadable = false, ruleTable, keptAway = [] } = verification;
  // A definition without the rules that stay away was not checked.
  const isChecked = configureEnforcer === undefined && keptAway.length === 0;
  // The hierarchies are then those of the definition, and nothing was added.
  const isAsDefined = isChecked && isSamePolicy(live, defined.rules);
  const structure = isAsDefined
    ? []
    : await checkStructure(model, live, defined.rules, configureEnforcer).finally(breathe);
  const integrity = [...checkIntegrity(model, live, { defined, stockLoadable, ruleTable }), ...structure];
  const missing = isAsDefined ? [] : defined.without(live);

  const decide = () =>
    // The definition was decided on by an enforcer with these very rules: it would answer the same again.
    isAsDefined || (isChecked && decideAsDefined(model, live, defined, reach()))
      ? noDifferences(expectations.countAllowed())
      : compareDecisions({ ...verification, missing }, report);
  const decisions = structure.length > 0 ? noDifferences(0) : await decide();
  // If no policy is defined, on purpose, there is nothing to compare stored rules with.
  const { drift: added, omitted } =
    isAsDefined || defined.rules.length === 0
      ? { drift: [], omitted: 0 }
      : await findDrift(model, live, defined, decisions.drift, findHolders);
  const drift = [...added, ...keptAway.flatMap(describeVanished)];
  const strictly = strict ? drift.map((finding): VerificationFailure => ({ ...finding, kind: 'drift' })) : [];
  const failures = [...missing.map(describeMissing), ...decisions.failures, ...strictly];
  const omittedDrift = decisions.omitted.drift + omitted;
  return {
    ok: failures.length === 0 && integrity.every(({ severity }) => severity !== 'failure'),
    checks: structure.length > 0 ? 0 : expectations.size,
    allowed: decisions.allowed,
    failures,
    integrity,
    drift,
    keptAway,
    left: [],
    leftOmitted: 0,
    omitted: {
      failures: decisions.omitted.failures + (strict ? omittedDrift : 0),
      drift: omittedDrift,
    },
    scope: { kind: scope, rules: live.length },
    coverage,
    warnings,
    rowOrder: null,
    durationMs: performance.now() - started,
  };
}

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
  if (textsOf(model, 'e').some((effect) => /^(p|subjectP)riority\(/.test(effect))) return true;
  // A rule may decide before another one is evaluated, for which the matcher throws.
  if (!textsOf(model, 'm').every(isPlainConjunction)) return true;
  // Casbin's memo of the calls of a role definition may confuse names that have commas.
  return rules.some(({ values }) => values.some((value) => value.includes(',')));
}

/** A defined rule that has vanished takes a permission away, so it counts as drift. */
function describeVanished({ rule, because }: KeptAwayRule): DriftFinding[] {
  if (because !== 'vanished') return [];
  const reason = "it was stored, and somebody has removed it; onRevoked: 'keep' leaves it away";
  const message = `Rule "${formatRule(toRule(rule))}" is defined, and not stored: ${reason}.`;
  return [{ ...aboutRule(rule, reason, message), holders: null }];
}
