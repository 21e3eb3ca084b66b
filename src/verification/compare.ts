import type { Model } from 'casbin';
import type { ConfigureEnforcer } from '../casbin/enforcer.ts';
import type { StoredRule } from '../casbin/rule-row.ts';
import { formatRule, type Rule, toLine, toRule } from '../policy/rule.ts';
import type { RuleSet } from '../policy/rule-set.ts';
import type { ReportDone } from '../progress.ts';
import type { Decision, Explanation, VerificationFailure } from '../verification-report.ts';
import { type Difference, findCauses, partFinder } from './causes.ts';
import {
  type Answer,
  breathe,
  createDecider,
  type Decider,
  decideAll,
  decidePaced,
  decisionOf,
  PAST,
  paced,
} from './decide.ts';
import { type Expectation, type Expectations, isAsExpected } from './expectations.ts';
import { explainer } from './explain-answer.ts';

/** How many decisions of each kind are explained and listed; the others are only counted. */
const LISTED_DECISIONS = 1_000;

/** The expectations, and the policy that they are decided on. */
export interface Comparison {
  readonly model: Model;
  readonly configureEnforcer: ConfigureEnforcer | undefined;
  /** The rules of the definition. */
  readonly defined: RuleSet;
  /** The defined rules that are not stored. */
  readonly missing: readonly Rule[];
  /** The rules that were read from the database, by id. */
  readonly live: readonly StoredRule[];
  readonly expectations: Expectations;
}

/** A request that is decided differently only because of added rules, and why. */
export interface DriftingDecision extends Explanation {
  readonly request: readonly string[];
  readonly expected: Decision;
  readonly actual: Decision;
  readonly message: string;
}

/** The decisions that are not as expected. */
export interface ComparedDecisions {
  /** How many requests are allowed. */
  readonly allowed: number;
  readonly failures: readonly VerificationFailure[];
  readonly drift: readonly DriftingDecision[];
  /** How many of each are not listed. */
  readonly omitted: { readonly failures: number; readonly drift: number };
}

/** The result if nothing is decided, or everything is as expected. */
export function noDifferences(allowed: number): ComparedDecisions {
  return { allowed, failures: [], drift: [], omitted: { failures: 0, drift: 0 } };
}

/**
 * Decides every expectation on the live policy, and finds the kind of each difference.
 *
 * A difference is drift if added rules alone cause it: without them the request is decided as expected, and with them
 * it is not, even if all defined rules are there. Otherwise it is a failure.
 */
export async function compareDecisions(
  comparison: Comparison,
  report: ReportDone = () => {},
): Promise<ComparedDecisions> {
  const { model, configureEnforcer, defined, live, expectations } = comparison;
  const decider = await createDecider(model, live, configureEnforcer);
  const { allowed, differing } = await findDiffering(decider, expectations, report);
  if (differing.length === 0) return noDifferences(allowed);

  const { sorted, omitted } = await sortByCause(comparison, differing);
  await breathe();
  const explain = explainer(model, live, defined);
  await breathe();
  const cases: (Sorted & Difference)[] = [];
  for await (const one of paced(sorted)) {
    const { request } = one.expectation;
    const involved = explain(request, one.answer).added.map(toRule);
    cases.push({ ...one, request, involved });
  }
  const isDefined = (rule: Rule) => defined.has(rule);
  const causes = await findCauses(
    {
      isDefined,
      partFor: partFinder(model, live, isDefined, decider.index),
      decide: (rules, requests) => decideAll(model, rules, requests, configureEnforcer),
    },
    cases.filter(({ byAddition }) => byAddition),
  );

  const failures: VerificationFailure[] = [];
  const drift: DriftingDecision[] = [];
  for await (const one of paced(cases)) {
    const { kind, expectation, request, answer } = one;
    const explanation = explain(request, answer, causes.get(one));
    const found = { request, expected: expectation.expected, actual: decisionOf(answer), ...explanation };
    if (kind === 'drift') drift.push({ ...found, message: describeDriftingDecision(found) });
    else failures.push({ kind, ...found, message: describeWrongDecision(kind, answer, found) });
  }
  return { allowed, failures, drift, omitted };
}

/** A decision that is not as expected, and its kind. */
interface Sorted extends Omit<Differing, 'number'> {
  readonly kind: 'never' | 'decision' | 'drift';
  /** Whether the defined rules alone decide as expected. */
  readonly byAddition: boolean;
}

/** Sorts differences by kind, and keeps the first of each. */
async function sortByCause(
  { model, configureEnforcer, defined, missing, live }: Comparison,
  differing: readonly Differing[],
): Promise<{ sorted: Sorted[]; omitted: ComparedDecisions['omitted'] }> {
  const withoutAdded = await createDecider(
    model,
    live.filter((rule) => defined.has(rule)),
    configureEnforcer,
  );
  const withMissing =
    missing.length === 0 ? null : await createDecider(model, [...live, ...missing], configureEnforcer);

  await breathe();
  const sorted: Sorted[] = [];
  const counts = { never: 0, decision: 0, drift: 0 };
  for await (const { expectation, answer } of paced(differing)) {
    const { request } = expectation;
    const byAddition = isAsExpected(expectation, await withoutAdded.decide(request));
    const onlyByAddition =
      byAddition && (withMissing === null || !isAsExpected(expectation, await withMissing.decide(request)));
    const kind = chooseKind(expectation, answer, onlyByAddition);
    counts[kind] += 1;
    if (counts[kind] <= LISTED_DECISIONS) sorted.push({ kind, expectation, answer, byAddition });
  }
  const beyond = (count: number) => Math.max(0, count - LISTED_DECISIONS);
  return {
    sorted,
    omitted: { failures: beyond(counts.never) + beyond(counts.decision), drift: beyond(counts.drift) },
  };
}

function chooseKind({ kind }: Expectation, { error }: Answer, onlyByAddition: boolean): Sorted['kind'] {
  if (error !== null) return 'decision';
  if (kind === 'never') return 'never';
  return onlyByAddition ? 'drift' : 'decision';
}

/** A decision that is not as expected, and the number of its expectation. */
export interface Differing {
  readonly number: number;
  readonly expectation: Expectation;
  readonly answer: Answer;
}

/** Decides the expectations. Returns those that the policy does not meet, and how many requests are allowed. */
export async function findDiffering(
  decider: Decider,
  expectations: Expectations,
  report: ReportDone = () => {},
): Promise<{ allowed: number; differing: Differing[] }> {
  const differing: Differing[] = [];
  let [count, allowed] = [0, 0];
  await decidePaced(
    decider,
    expectations.toDecide(decider),
    ([, { request }]) => request,
    ([number, expectation], answer) => {
      if (!isAsExpected(expectation, answer)) differing.push({ number, expectation, answer });
      if (answer.allowed) allowed += 1;
      count += 1;
      report(Math.min(number, expectations.size - 1), expectations.size);
    },
  );
  report(expectations.size, expectations.size);
  return { allowed: allowed + expectations.countUnmatched(expectations.size - count), differing };
}

type ExplainedRequest = Explanation & { readonly request: readonly string[]; readonly actual: Decision };

export function describeMissing(rule: Rule): VerificationFailure {
  const message = `Rule "${formatRule(rule)}" is defined, but not stored.`;
  return { kind: 'missing-rule', ...aboutRule(toLine(rule), 'defined, but not stored', message) };
}

/** A finding about a rule alone: no request is decided differently. */
export function aboutRule(
  rule: readonly string[],
  reason: string,
  message: string,
): Omit<VerificationFailure, 'kind'> {
  return {
    request: [],
    expected: null,
    actual: null,
    rule,
    rolePath: [],
    ids: [],
    added: [],
    reason,
    message,
  };
}

function describeWrongDecision(
  kind: 'never' | 'decision',
  { error }: Answer,
  { request, actual, reason }: ExplainedRequest,
): string {
  const shown = `"${request.join(', ')}"`;
  // Casbin throws, for instance on an invalid pattern. An application has to deny such a request.
  if (error !== null) return `${shown} can't be decided: ${reason}.`;
  if (kind === 'never') return `${shown} must never be allowed, but is: ${reason}.`;
  return `${shown} must be ${actual === 'allow' ? 'denied' : 'allowed'}, but is ${PAST[actual]}: ${reason}.`;
}

function describeDriftingDecision({ request, actual, reason }: ExplainedRequest): string {
  return `"${request.join(', ')}" is ${PAST[actual]}, but the definition alone ${actual === 'allow' ? 'denies' : 'allows'} it: ${reason}.`;
}

/** What a migration has changed. */
export function describeBroken({
  request,
  expected,
  reason,
}: Explanation & { readonly request: readonly string[]; readonly expected: Decision }): string {
  return `"${request.join(', ')}" was ${PAST[expected]} before, and is not any more: ${reason}.`;
}
