import type { Model } from 'casbin';
import type { ConfigureEnforcer } from '../casbin/enforcer.ts';
import type { StoredRule } from '../casbin/rule-row.ts';
import { type Rule, ruleKey } from '../policy/rule.ts';
import { type Decide, findCulprits } from './blame.ts';
import { type Answer, decideAll } from './decide.ts';
import type { Expectation } from './expectations.ts';
import { explainer } from './explain.ts';
import { describeDrift, describeFailure, describeUndecided, describeViolation } from './messages.ts';
import type { Decision, DriftFinding, VerificationFailure } from './report.ts';

/** What is decided, on what. */
export interface Hearing {
  readonly model: Model;
  readonly configureEnforcer: ConfigureEnforcer | undefined;
  readonly defined: readonly Rule[];
  /** Those of the defined rules that are not stored. */
  readonly missing: readonly Rule[];
  readonly live: readonly StoredRule[];
  readonly expectations: readonly Expectation[];
}

/** The answers, one for each expectation, and what is to be said of those that are not as expected. */
export interface Judgement {
  readonly answers: readonly Answer[];
  readonly failures: readonly VerificationFailure[];
  readonly drift: readonly DriftFinding[];
}

/**
 * Decides every expectation on the live policy, and judges each difference by its cause.
 *
 * It is drift when added rules alone make it: without them the request is decided as expected, and with them it
 * is not, even with every defined rule in place. Otherwise it is a failure.
 */
export async function judgeDecisions(hearing: Hearing): Promise<Judgement> {
  const { model, configureEnforcer, defined, missing, live, expectations } = hearing;
  const decide: Decide = (rules, requests) => decideAll(model, rules, requests, configureEnforcer);
  const answers = await decide(
    live,
    expectations.map(({ request }) => request),
  );
  const differing = expectations.flatMap((expectation, index) => {
    const answer = answers[index];
    return answer === undefined || isAsExpected(expectation, answer) ? [] : [{ expectation, answer }];
  });
  if (differing.length === 0) return { answers, failures: [], drift: [] };

  const requests = differing.map(({ expectation }) => expectation.request);
  const keys = new Set(defined.map(ruleKey));
  const isDefined = (rule: Rule) => keys.has(ruleKey(rule));
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
  return { answers, failures, drift };
}

/** Whether a request was decided at all, and as its expectation says. */
export function isAsExpected({ expected }: Expectation, answer: Answer | undefined): boolean {
  return answer?.error === null && verdictOf(answer) === expected;
}

function verdictOf({ allowed }: Answer): Decision {
  return allowed ? 'allow' : 'deny';
}
