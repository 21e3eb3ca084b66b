import type { Model } from 'casbin';
import type { ConfigureEnforcer } from '../casbin/enforcer.ts';
import { formatRule, type Rule, ruleKey } from '../policy/rule.ts';
import { type Answer, decideAll } from './decide.ts';
import type { Decision, DriftFinding, VerificationFailure, VerificationReport } from './report.ts';
import type { Request } from './requests.ts';

/** What is held against what. */
export interface Verification {
  readonly model: Model;
  readonly configureEnforcer: ConfigureEnforcer | undefined;
  /** The rules of the definition. */
  readonly defined: readonly Rule[];
  /** The rules that the database holds, by id. */
  readonly live: readonly Rule[];
  readonly requests: readonly Request[];
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
  durationMs: 0,
};

/**
 * Decides every request on the live policy, by a fresh enforcer, and judges each difference from the definition
 * by its cause: what a missing rule has changed is a failure, what an added rule has changed is drift.
 */
export async function verifyPolicy(verification: Verification): Promise<VerificationReport> {
  const started = performance.now();
  const { model, configureEnforcer, defined, live, requests, strict } = verification;
  const decide = (rules: readonly Rule[]) => decideAll(model, rules, requests, configureEnforcer);
  const missing = findMissing(defined, live);
  const expected = await decide(defined);
  const actual = await decide(live);
  const differs = expected.some((answer, index) => answer.allowed !== actual[index]?.allowed);
  // What is there of the definition, without what was added: tells which of the two made the difference.
  const remaining = differs ? await decide(keepDefined(live, defined)) : expected;

  const failures: VerificationFailure[] = missing.map(describeMissing);
  const drift: DriftFinding[] = [];
  for (const [index, request] of requests.entries()) {
    const [wanted, got, left] = [expected[index], actual[index], remaining[index]];
    if (wanted === undefined || got === undefined || wanted.allowed === got.allowed) continue;
    if (left?.allowed === wanted.allowed) drift.push(describeDrift(request, got));
    else failures.push(describeFailure(request, got));
  }
  if (strict) failures.push(...drift.map((finding): VerificationFailure => ({ kind: 'drift', ...finding })));
  return {
    ok: failures.length === 0,
    checks: requests.length,
    allowed: actual.filter(({ allowed }) => allowed).length,
    failures,
    integrity: [],
    drift,
    durationMs: performance.now() - started,
  };
}

/** Rules of the definition that the live policy lacks. */
export function findMissing(defined: readonly Rule[], live: readonly Rule[]): Rule[] {
  const present = new Set(live.map(ruleKey));
  return defined.filter((rule) => !present.has(ruleKey(rule)));
}

function keepDefined(live: readonly Rule[], defined: readonly Rule[]): Rule[] {
  const known = new Set(defined.map(ruleKey));
  return live.filter((rule) => known.has(ruleKey(rule)));
}

function describeMissing({ ptype, values }: Rule): VerificationFailure {
  return {
    kind: 'missing-rule',
    request: [],
    expected: null,
    actual: null,
    rule: [ptype, ...values],
    message: `Rule "${formatRule({ ptype, values })}" is defined, but not stored.`,
  };
}

function describeFailure(request: Request, { allowed, rule }: Answer): VerificationFailure {
  return {
    kind: 'decision',
    ...describeDecision(request, allowed, rule),
    message: `${request.join(', ')} must be ${verdict(!allowed)}, but is ${verdict(allowed)}.`,
  };
}

function describeDrift(request: Request, { allowed, rule }: Answer): DriftFinding {
  return {
    ...describeDecision(request, allowed, rule),
    message: `${request.join(', ')} is ${verdict(allowed)} by a rule that is not in the definition.`,
  };
}

function describeDecision(request: Request, allowed: boolean, rule: readonly string[]) {
  const actual: Decision = allowed ? 'allow' : 'deny';
  const expected: Decision = allowed ? 'deny' : 'allow';
  return { request, expected, actual, rule: rule.length === 0 ? null : ['p', ...rule] };
}

function verdict(allowed: boolean): string {
  return allowed ? 'allowed' : 'denied';
}
