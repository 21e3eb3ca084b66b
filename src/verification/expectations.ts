import type { ListedKind, Request } from '../policy/definition.ts';
import type { Decision } from '../verification-report.ts';
import { type Answer, type Decider, decisionOf } from './decide.ts';
import { Matrix } from './request-matrix.ts';

/** A request, and the decision that it must have. */
export interface Expectation {
  readonly request: Request;
  readonly expected: Decision;
  readonly kind: 'derived' | ListedKind;
}

/** The decisions of the definition itself on the requests of its matrix. */
export interface DecidedMatrix {
  readonly matrix: Matrix;
  /** Requests without an expectation: the definition can't decide them, or lists them itself. */
  readonly excluded: ReadonlySet<number>;
  /** The requests that were decided one by one, ascending. */
  readonly allowed: Float64Array;
  readonly denied: Float64Array;
  /** The decision on all others, which no rule can match. */
  readonly unmatched: Decision;
}

/**
 * What a definition promises: its matrix, and the requests that it lists. Each expectation has a number, by which two
 * rounds of decisions can be compared.
 */
export class Expectations {
  /** How many there are. */
  readonly size: number;
  readonly #derived: DecidedMatrix;
  /** The expectations that the definition lists itself: `allow`, `deny`, `never` and `samples`. */
  readonly listed: readonly Expectation[];

  constructor(derived: DecidedMatrix, listed: readonly Expectation[]) {
    this.#derived = derived;
    this.listed = listed;
    this.size = derived.matrix.size - derived.excluded.size + listed.length;
  }

  /** All of them, in order. */
  *[Symbol.iterator](): Generator<Expectation, void> {
    for (const [, expectation] of this.#withNumbers(this.#derived.matrix.matchable(null))) yield expectation;
  }

  /**
   * The expectations that a policy may fail to meet, with their numbers. All others are requests that neither its rules
   * nor those of the definition can match.
   */
  toDecide(policy: Decider): Iterable<readonly [number, Expectation]> {
    return this.#withNumbers(
      mergeSorted(decidedOf(this.#derived), this.#derived.matrix.matchable(policy.index)),
    );
  }

  /** How many requests must be allowed. */
  countAllowed(): number {
    const { allowed, denied } = this.#derived;
    const listed = this.listed.filter(({ expected }) => expected === 'allow').length;
    const unmatched = this.size - this.listed.length - allowed.length - denied.length;
    return listed + allowed.length + this.countUnmatched(unmatched);
  }

  /** How many of these requests, which no rule can match, are allowed: all of them, or none. */
  countUnmatched(requests: number): number {
    return this.#derived.unmatched === 'allow' ? requests : 0;
  }

  *#withNumbers(numbers: Iterable<number>): Generator<readonly [number, Expectation], void> {
    const { matrix, excluded, allowed, denied, unmatched } = this.#derived;
    let [a, d] = [0, 0];
    for (const number of numbers) {
      let expected = unmatched;
      if (allowed[a] === number) [expected, a] = ['allow', a + 1];
      else if (denied[d] === number) [expected, d] = ['deny', d + 1];
      if (excluded.has(number)) continue;
      yield [number, { kind: 'derived', request: matrix.requestAt(number), expected }];
    }
    for (const [index, expectation] of this.listed.entries()) yield [matrix.size + index, expectation];
  }
}

/** No expectations, for a verification that is turned off. */
export const NO_EXPECTATIONS = new Expectations(
  {
    matrix: new Matrix(0, []),
    excluded: new Set(),
    allowed: new Float64Array(),
    denied: new Float64Array(),
    unmatched: 'deny',
  },
  [],
);

/** Whether a request could be decided, and was decided as expected. */
export function isAsExpected({ expected }: Expectation, answer: Answer | undefined): boolean {
  return answer?.error === null && decisionOf(answer) === expected;
}

/** The requests that were decided one by one, ascending. */
export function decidedOf({ allowed, denied }: Pick<DecidedMatrix, 'allowed' | 'denied'>): Iterable<number> {
  return mergeSorted(allowed, denied);
}

/** The numbers of two ascending sequences, ascending, each once. */
export function* mergeSorted(one: Iterable<number>, other: Iterable<number>): Generator<number, void> {
  const [left, right] = [one[Symbol.iterator](), other[Symbol.iterator]()];
  let [a, b] = [left.next(), right.next()];
  while (!a.done || !b.done) {
    const [first, second] = [a.done ? Infinity : a.value, b.done ? Infinity : b.value];
    yield Math.min(first, second);
    if (first <= second) a = left.next();
    if (second <= first) b = right.next();
  }
}
