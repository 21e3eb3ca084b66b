import type { Model } from 'casbin';
import type { ConfigureEnforcer } from '../casbin/enforcer.ts';
import type { StoredRule } from '../casbin/rule-row.ts';
import type { RuleSet } from '../policy/rule-set.ts';
import type { Report } from '../progress.ts';
import { findAddedRules } from './drift.ts';
import type { Expectations } from './expectations.ts';
import { checkIntegrity } from './integrity.ts';
import { type Judgement, judgeDecisions } from './judge-decisions.ts';
import { describeMissing } from './messages.ts';
import type { Coverage, VerificationFailure, VerificationReport } from './report.ts';
import { checkStructure } from './structure.ts';

/** What is held against what. */
export interface Verification {
  readonly model: Model;
  readonly configureEnforcer: ConfigureEnforcer | undefined;
  /** The rules of the definition. */
  readonly defined: RuleSet;
  readonly expectations: Expectations;
  readonly coverage: Coverage;
  /** The rules that the database holds, by id. */
  readonly live: readonly StoredRule[];
  readonly strict: boolean;
}

/** What is reported when verification is turned off. */
export const NOT_VERIFIED: VerificationReport = {
  ok: true,
  checks: 0,
  allowed: 0,
  failures: [],
  integrity: [],
  drift: [],
  coverage: { covered: 0, total: 0, uncovered: [] },
  durationMs: 0,
};

const UNDECIDED: Judgement = { allowed: 0, failures: [], drift: [] };

/**
 * Holds the live policy against the definition: the integrity of what is stored first, then every expectation,
 * decided by a fresh enforcer.
 *
 * A difference is judged by its cause. What a missing rule has changed is a failure; what added rules have
 * changed, one way or the other, is drift. A broken role hierarchy ends it before any decision.
 */
export async function verifyPolicy(verification: Verification, report?: Report): Promise<VerificationReport> {
  const started = performance.now();
  const { model, configureEnforcer, defined, expectations, coverage, live, strict } = verification;
  const structure = checkStructure(model, live, defined.rules, configureEnforcer !== undefined);
  const integrity = [...checkIntegrity(model, live), ...structure];
  const missing = defined.without(live);

  const judged =
    structure.length > 0 ? UNDECIDED : await judgeDecisions({ ...verification, missing }, report);
  const explained = judged.drift.flatMap(({ added }) => added);
  const drift = [...judged.drift, ...findAddedRules(model, live, defined, explained)];
  const strictly = strict ? drift.map((finding): VerificationFailure => ({ ...finding, kind: 'drift' })) : [];
  const failures = [...missing.map(describeMissing), ...judged.failures, ...strictly];
  return {
    ok: failures.length === 0 && integrity.every(({ severity }) => severity !== 'failure'),
    checks: structure.length > 0 ? 0 : expectations.size,
    allowed: judged.allowed,
    failures,
    integrity,
    drift,
    coverage,
    durationMs: performance.now() - started,
  };
}
