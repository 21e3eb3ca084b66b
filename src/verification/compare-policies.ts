import type { Model } from 'casbin';
import type { ConfigureEnforcer } from '../casbin/enforcer.ts';
import type { Request } from '../policy/definition.ts';
import type { Rule } from '../policy/rule.ts';
import { RuleSet } from '../policy/rule-set.ts';
import type { Decision, Explanation } from '../verification-report.ts';
import { type Answer, createDecider, type Decider, decidePaced, decisionOf } from './decide.ts';
import { mergeSorted } from './expectations.ts';
import { explainer } from './explain-answer.ts';
import { readParts } from './parts.ts';
import type { Matrix } from './request-matrix.ts';
import { deriveMatrix } from './requests.ts';

/** A request that two policies decide differently. */
export interface DecisionChange {
  /** The values of the request, in the order of the model's request definition. */
  readonly request: readonly string[];
  /** How the earlier policy decides it. */
  readonly before: ExplainedDecision;
  /** How the later policy decides it. */
  readonly after: ExplainedDecision;
}

/** A decision of one policy, and why; `added` are those of the rules involved that the other policy lacks. */
export interface ExplainedDecision extends Explanation {
  /** What the enforcer answers. */
  readonly decision: Decision;
}

/** How two policies decide. */
export interface DecisionChanges {
  /** How many requests were compared. */
  readonly compared: number;
  /**
   * Whether all others are decided the same by both. If not, the rules do not say which requests there are: they hold
   * patterns, or requests have attributes. Then only those that a definition lists were compared.
   */
  readonly isWhole: boolean;
  /** Requests that only the later policy allows. */
  readonly more: readonly DecisionChange[];
  /** Requests that only the earlier policy allows. */
  readonly less: readonly DecisionChange[];
  /** How many changes of each kind are not listed. */
  readonly omitted: OmittedChanges;
}

/** Changes that are counted and not listed. */
export interface OmittedChanges {
  /** How many more requests are allowed after. */
  readonly more: number;
  /** How many more requests are not allowed any more. */
  readonly less: number;
}

/** The number of listed changes of each kind. More would fill the memory. */
const LISTED = 10_000;

/** The policies that are compared, and the requests. */
export interface PolicyPair {
  readonly model: Model;
  readonly configureEnforcer: ConfigureEnforcer | undefined;
  readonly before: readonly Rule[];
  readonly after: readonly Rule[];
  /** Requests in addition to those that follow from the rules. */
  readonly listed: readonly Request[];
}

/**
 * Decides on both policies every subject × every permission that one of them names, and the listed requests.
 * A request that no rule of either policy can match is decided the same by both. For a model whose rules do not say
 * which requests there are, only the listed ones are compared.
 */
export async function comparePolicies(pair: PolicyPair): Promise<DecisionChanges> {
  const { model, configureEnforcer, before, after } = pair;
  const matrix = deriveMatrix(model, [...before, ...after]);
  const others = requestsBeside(matrix, pair.listed);
  const requestAt = (number: number) =>
    number < matrix.size ? matrix.requestAt(number) : (others[number - matrix.size] ?? []);
  const numbersOf = function* ({ index }: Decider) {
    yield* matrix.matchable(index);
    for (const position of others.keys()) yield matrix.size + position;
  };
  // An application may give all its enforcers one role manager, so all requests are decided on the first policy before
  // the second one is loaded.
  const first = await createDecider(model, before, configureEnforcer);
  const answers = new Map<number, Answer>();
  await decidePaced(first, numbersOf(first), requestAt, (number, answer) => answers.set(number, answer));
  const second = await createDecider(model, after, configureEnforcer);
  const differing = new Map<number, Answer>();
  let compared = 0;
  await decidePaced(second, mergeSorted(answers.keys(), numbersOf(second)), requestAt, (number, answer) => {
    compared += 1;
    if (answers.get(number)?.allowed !== answer.allowed) differing.set(number, answer);
  });
  const changes: AnsweredTwice[] = [];
  for (const [number, now] of differing) {
    const request = requestAt(number);
    const was = answers.get(number) ?? (await first.decide(request));
    if (was.allowed !== now.allowed) changes.push({ request, was, now });
  }
  return { compared, isWhole: readParts(model) !== null, ...explainChanges(pair, changes) };
}

/** The listed requests that are not in the matrix, each once. */
function requestsBeside(matrix: Matrix, requests: readonly Request[]): Request[] {
  const inMatrix = [...matrix.numbersOf(requests)].map((number) => matrix.requestAt(number));
  const known = new Set(inMatrix.map(requestKey));
  return requests.filter((request) => {
    const key = requestKey(request);
    return !known.has(key) && known.add(key);
  });
}

function requestKey(request: Request): string {
  return JSON.stringify(request);
}

interface AnsweredTwice {
  readonly request: Request;
  readonly was: Answer;
  readonly now: Answer;
}

/** A matrix of several domains has some requests twice. */
function explainChanges({ model, before, after }: PolicyPair, changes: readonly AnsweredTwice[]) {
  const explainBefore = explainerBeside(model, before, after);
  const explainAfter = explainerBeside(model, after, before);
  const distinct = [...new Map(changes.map((change) => [requestKey(change.request), change])).values()];
  const explain = (some: readonly AnsweredTwice[]) =>
    some.slice(0, LISTED).map(
      ({ request, was, now }): DecisionChange => ({
        request,
        before: explainBefore(request, was),
        after: explainAfter(request, now),
      }),
    );
  const more = distinct.filter(({ now }) => now.allowed);
  const less = distinct.filter(({ now }) => !now.allowed);
  return {
    more: explain(more),
    less: explain(less),
    omitted: { more: Math.max(0, more.length - LISTED), less: Math.max(0, less.length - LISTED) },
  };
}

/** Explains a decision of one policy. Involved rules that the other policy lacks count as added. */
function explainerBeside(model: Model, rules: readonly Rule[], others: readonly Rule[]) {
  const explain = explainer(model, rules, new RuleSet(others));
  return (request: Request, answer: Answer): ExplainedDecision => ({
    decision: decisionOf(answer),
    // Without them, as the reason would call them undefined.
    ...explain(request, answer, []),
    added: explain(request, answer).added,
  });
}
