import type { Model } from 'casbin';
import type { ConfigureEnforcer } from '../casbin/enforcer.ts';
import { rememberLast } from '../collections.ts';
import type { Problem } from '../errors.ts';
import { listRequests } from '../policy/check.ts';
import type { ListedKind, PolicyDefinition, Request } from '../policy/definition.ts';
import type { Rule } from '../policy/rule.ts';
import type { RuleSet } from '../policy/rule-set.ts';
import type { ReportDone } from '../progress.ts';
import type { Coverage, Decision, VerificationWarning } from '../verification-report.ts';
import { CoverageMeter } from './coverage.ts';
import {
  type Answer,
  breathe,
  createDecider,
  type Decider,
  decidePaced,
  decisionOf,
  paced,
} from './decide.ts';
import {
  type DecidedMatrix,
  decidedOf,
  type Expectation,
  Expectations,
  mergeSorted,
} from './expectations.ts';
import { type Explain, explainer, roleRoutes } from './explain-answer.ts';
import type { Matrix } from './request-matrix.ts';
import { deriveMatrix } from './requests.ts';
import { findWarnings } from './warnings.ts';

/** The decisions of a definition on its requests, and which of its rules they test. */
export interface DecidedPromises {
  readonly expectations: Expectations;
  readonly coverage: Coverage;
  readonly warnings: readonly VerificationWarning[];
}

/** What a definition promises, and whether it keeps its own promises. */
export interface Promises {
  /** The expectations that it lists itself. */
  readonly listed: readonly Expectation[];
  readonly problems: readonly Problem[];
  /** The distinct values that the requests have at a position. */
  valuesAt(position: number): Set<string>;
  /** Decides the requests that follow from the rules. For a large definition, this is most of the time of a check. */
  decide(report?: ReportDone): Promise<DecidedPromises>;
}

/** A matrix with up to this many requests is decided as a whole. */
const DECIDED_WHOLE = 10_000;

/** Of a larger one, what rules can match is decided, and so many of all: what no rule can match has one answer. */
const SAMPLE_SIZE = 1_000;

/** Rules of a definition, with their places if these are known. */
type PlacedRules = RuleSet<Rule & { readonly at?: string }>;

export interface PromiseOptions {
  readonly configureEnforcer: ConfigureEnforcer | undefined;
  readonly sampleSize?: number;
  /** Whether a listed request that the rules decide differently is a problem, or is left without an expectation. */
  readonly contradicted?: 'told' | 'dropped';
}

/** Collects the expectations of a definition and checks it against them, by a plain enforcer in memory. */
export async function collectPromises(
  model: Model,
  defined: PlacedRules,
  written: PolicyDefinition,
  { report, ...options }: PromiseOptions & { readonly report?: ReportDone },
): Promise<Promises & DecidedPromises> {
  const promises = await readPromises(model, defined, written, options);
  return { ...promises, ...(await promises.decide(report)) };
}

/** The same without deciding the requests that follow from the rules, because they can't be wrong. */
export async function readPromises(
  model: Model,
  defined: PlacedRules,
  written: PolicyDefinition,
  { configureEnforcer, sampleSize, contradicted = 'told' }: PromiseOptions,
): Promise<Promises> {
  const { rules } = defined;
  const explain = becauseOf(model, defined);
  await breathe();
  const decider = await createDecider(model, rules, configureEnforcer);
  await breathe();
  const readMatrix = rememberLast(() => deriveMatrix(model, rules));
  const problems: Problem[] = [];
  const listed: Expectation[] = [];
  const answers: Answer[] = [];
  for await (const { kind, request: given, at } of paced(
    listRequests(written, 'samples', 'allow', 'deny', 'never'),
  )) {
    const request = [...given];
    const answer = await decider.decide(request);
    const expected = expectedOf(kind, answer);
    const contradiction = describeContradiction(at, kind, request, expected, answer, explain);
    if (contradicted === 'dropped' && kind !== 'never' && contradiction.length > 0) continue;
    answers.push(answer);
    listed.push({ kind, request, expected });
    problems.push(...contradiction);
  }
  return {
    listed,
    problems,
    valuesAt: (position) => valuesAt(readMatrix(), listed, position),
    async decide(report = () => {}) {
      const matrix = readMatrix();
      await breathe();
      const meter = new CoverageMeter(model, defined, configureEnforcer);
      for (const [index, answer] of answers.entries()) meter.add(listed[index]?.request ?? [], answer);
      const named = matrix.numbersOf(listed.map(({ request }) => request));
      const samples = sampleOf(matrix, sampleSize ?? sampleSizeFor(matrix));
      let done = 0;
      const derived = await decideMatrix(matrix, samples, named, decider, (request, answer, number) => {
        meter.add(request, answer);
        done = Math.max(done, matrix.placeOf(number));
        report(done, matrix.size);
      });
      report(matrix.size, matrix.size);
      const expectations = new Expectations(derived, listed);
      const coverage = await meter.measure();
      const checks = expectations.size;
      const warnings = findWarnings(model, rules, { checks, coverage, configureEnforcer });
      return { expectations, coverage, warnings };
    },
  };
}

function valuesAt(matrix: Matrix, listed: readonly Expectation[], position: number): Set<string> {
  const values = matrix.valuesAt(position);
  for (const { request } of listed) values.add(request[position] ?? '');
  return values;
}

/**
 * Decides the requests of a matrix that some rule can match, and the samples, but not those that are listed by name.
 * A request that the definition can't decide has no expectation.
 */
async function decideMatrix(
  matrix: Matrix,
  samples: Iterable<number>,
  named: ReadonlySet<number>,
  decider: Decider,
  see: (request: Request, answer: Answer, number: number) => void,
): Promise<DecidedMatrix> {
  const excluded = new Set(named);
  const allowed: number[] = [];
  const denied: number[] = [];
  const numbers = eachOnce(matrix.inFastestOrder(decider.index), samples);
  const requestAt = (number: number) => matrix.requestAt(number);
  await decidePaced(decider, without(numbers, named), requestAt, (number, answer, request) => {
    if (answer.error !== null) {
      excluded.add(number);
      return;
    }
    (answer.allowed ? allowed : denied).push(number);
    see(request, answer, number);
  });
  const decided = { matrix, excluded, allowed: ascending(allowed), denied: ascending(denied) };
  const known = mergeSorted(ascending(excluded), decidedOf(decided));
  return { ...decided, unmatched: await decideUnmatched(matrix, decider, known) };
}

function* eachOnce(numbers: Iterable<number>, samples: Iterable<number>): Generator<number, void> {
  const left = new Set(samples);
  for (const number of numbers) {
    left.delete(number);
    yield number;
  }
  yield* left;
}

function* without(numbers: Iterable<number>, others: ReadonlySet<number>): Generator<number, void> {
  for (const number of numbers) if (!others.has(number)) yield number;
}

function ascending(numbers: Iterable<number>): Float64Array {
  return Float64Array.from(numbers).sort();
}

function sampleSizeFor({ size }: Matrix): number {
  return size <= DECIDED_WHOLE ? size : SAMPLE_SIZE;
}

function* sampleOf({ size }: Matrix, sampleSize: number): Generator<number, void> {
  const count = Math.min(size, sampleSize);
  for (let index = 0; index < count; index++) yield Math.floor((index * size) / count);
}

/**
 * The answer to all requests that no rule can match: they are allowed where only a rule can deny.
 *
 * @param known numbers of requests, ascending, with all that a rule can match among them
 */
export async function decideUnmatched(
  matrix: Matrix,
  decider: Decider,
  known: Iterable<number> = matrix.matchable(decider.index),
): Promise<Decision> {
  let first = 0;
  for (const number of known) {
    if (number !== first) break;
    first += 1;
  }
  return first < matrix.size ? decisionOf(await decider.decide(matrix.requestAt(first))) : 'deny';
}

function expectedOf(kind: ListedKind, answer: Answer): Decision {
  if (kind === 'samples') return decisionOf(answer);
  return kind === 'allow' ? 'allow' : 'deny';
}

/** A problem: the rules of a definition contradict one of its expectations. */
function describeContradiction(
  at: string,
  kind: ListedKind,
  request: Request,
  expected: Decision,
  answer: Answer,
  explain: (request: Request, answer: Answer) => string,
): Problem[] {
  const shown = request.join(', ');
  if (answer.error !== null) {
    const message = `"${shown}" can't be decided on this definition: ${answer.error}. Correct the request or the rules.`;
    return [{ code: 'EXPECTATION_CONTRADICTED', at, message }];
  }
  if (decisionOf(answer) === expected) return [];
  const message = `"${shown}" is listed under ${kind}, but the definition itself makes it ${decisionOf(answer)}: ${explain(request, answer)}. Correct one of them.`;
  return [{ code: 'EXPECTATION_CONTRADICTED', at, message }];
}

/** Creates a function that describes the rule and the path of roles behind an answer, and where they are defined. */
function becauseOf(model: Model, defined: PlacedRules): (request: Request, answer: Answer) => string {
  // Created when it is needed: it takes time for a large definition, and contradictions are rare.
  let explain: Explain | undefined;
  let findRoute: ReturnType<typeof roleRoutes> | undefined;
  return (request, answer) => {
    explain ??= explainer(model, defined.rules, defined);
    findRoute ??= roleRoutes(model, defined.rules);
    const rule = { ptype: 'p', values: answer.rule };
    const involved = answer.rule.length === 0 ? [] : [rule, ...findRoute(request, rule).links];
    const places = involved.flatMap((one) => defined.rules[defined.indexOf(one)]?.at ?? []);
    return `${explain(request, answer).reason}${places.length === 0 ? '' : ` (${places.join(', ')})`}`;
  };
}
