import type { Model } from 'casbin';
import type { ConfigureEnforcer } from '../casbin/enforcer.ts';
import type { StoredRule } from '../casbin/rule-row.ts';
import type { Rule } from '../policy/rule.ts';
import { isSamePolicy, type RuleSet } from '../policy/rule-set.ts';
import type { Report } from '../progress.ts';
import { type Decide, findCulprits } from './blame.ts';
import { type Answer, createDecider, type Decider, decideAll, verdictOf } from './decide.ts';
import { type Expectation, type Expectations, isAsExpected } from './expectations.ts';
import { explainer } from './explain.ts';
import { describeDrift, describeFailure, describeUndecided, describeViolation } from './messages.ts';
import { paced } from './pace.ts';
import type { DriftFinding, VerificationFailure } from './report.ts';

/** What is decided, on what. */
export interface Hearing {
  readonly model: Model;
  readonly configureEnforcer: ConfigureEnforcer | undefined;
  readonly defined: RuleSet;
  /** Those of the defined rules that are not stored. */
  readonly missing: readonly Rule[];
  readonly live: readonly StoredRule[];
  readonly expectations: Expectations;
}

/** What is to be said of the answers that are not as expected. */
export interface Judgement {
  /** How many requests are allowed. */
  readonly allowed: number;
  readonly failures: readonly VerificationFailure[];
  readonly drift: readonly DriftFinding[];
}

/**
 * Decides every expectation on the live policy, and judges each difference by its cause.
 *
 * It is drift when added rules alone make it: without them the request is decided as expected, and with them it
 * is not, even with every defined rule in place. Otherwise it is a failure.
 */
export async function judgeDecisions(hearing: Hearing, report: Report = () => {}): Promise<Judgement> {
  const { model, configureEnforcer, defined, missing, live, expectations } = hearing;
  // The definition was decided on by an enforcer with this very policy: it would answer the same again.
  if (configureEnforcer === undefined && isSamePolicy(live, defined.rules)) {
    return { allowed: expectations.countAllowed(), failures: [], drift: [] };
  }
  const decide: Decide = (rules, requests) => decideAll(model, rules, requests, configureEnforcer);
  const decider = await createDecider(model, live, configureEnforcer);
  const { allowed, differing } = await findDiffering(decider, expectations, report);
  if (differing.length === 0) return { allowed, failures: [], drift: [] };

  const requests = differing.map(({ expectation }) => expectation.request);
  const isDefined = (rule: Rule) => defined.has(rule);
  const withoutAdded = await decide(live.filter(isDefined), requests);
  const withMissing = missing.length === 0 ? null : await decide([...live, ...missing], requests);

  const explain = explainer(model, live, defined);
  const cases = differing.map(({ expectation, answer }, index) => ({
    expectation,
    answer,
    request: expectation.request,
    suspects: explain(expectation.request, answer).added,
    byAddition: isAsExpected(expectation, withoutAdded[index]),
    onlyByAddition: withMissing === null || !isAsExpected(expectation, withMissing[index]),
  }));
  const culprits = await findCulprits(
    decide,
    live,
    isDefined,
    cases.filter(({ byAddition }) => byAddition),
  );

  const failures: VerificationFailure[] = [];
  const drift: DriftFinding[] = [];
  for (const one of cases) {
    const { expectation, answer, request, byAddition, onlyByAddition } = one;
    const { kind, expected } = expectation;
    const explanation = explain(request, answer, culprits.get(one));
    const found = { request, expected, actual: verdictOf(answer), ...explanation };
    if (answer.error !== null) {
      failures.push({ kind: 'decision', ...found, message: describeUndecided(found) });
    } else if (kind === 'never') {
      failures.push({ kind: 'never', ...found, message: describeViolation(found) });
    } else if (byAddition && onlyByAddition) {
      drift.push({ ...found, message: describeDrift(found) });
    } else failures.push({ kind: 'decision', ...found, message: describeFailure(found) });
  }
  return { allowed, failures, drift };
}

/** A decision that is not as expected, and the number of its expectation. */
export interface Differing {
  readonly number: number;
  readonly expectation: Expectation;
  readonly answer: Answer;
}

/** Decides every expectation that the policy may not keep; gives those that it does not, and how many are allowed. */
export async function findDiffering(
  decider: Decider,
  expectations: Expectations,
  report: Report = () => {},
): Promise<{ allowed: number; differing: Differing[] }> {
  const differing: Differing[] = [];
  let [count, allowed] = [0, 0];
  for await (const [number, expectation] of paced(expectations.toDecide(decider))) {
    const answer = await decider.decide(expectation.request);
    if (!isAsExpected(expectation, answer)) differing.push({ number, expectation, answer });
    if (answer.allowed) allowed += 1;
    count += 1;
    report(Math.min(number, expectations.size - 1), expectations.size);
  }
  report(expectations.size, expectations.size);
  return { allowed: allowed + expectations.countUnmatched(expectations.size - count), differing };
}
