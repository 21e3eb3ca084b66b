import { setImmediate } from 'node:timers/promises';
import type { Enforcer, Model } from 'casbin';
import { buildInMemoryEnforcer, type ConfigureEnforcer, hastenDecisions } from '../casbin/enforcer.ts';
import { usesRules } from '../casbin/matcher.ts';
import { matcherOf } from '../casbin/model.ts';
import { rememberLast } from '../collections.ts';
import type { Request } from '../policy/definition.ts';
import type { Rule } from '../policy/rule.ts';
import type { Decision } from '../verification-report.ts';
import { indexRules, type RuleIndex } from './rule-index.ts';

/** An answer of the enforcer, and the values of the `p` rule that decided it, if one did. */
export interface Answer {
  readonly allowed: boolean;
  readonly rule: readonly string[];
  /** Why Casbin could not decide, such as an invalid pattern; then `allowed` is false. */
  readonly error: string | null;
}

/** Decides requests on one policy. */
export interface Decider {
  /** Which rules a request can match; null when any can. All requests that match none have one answer. */
  readonly index: RuleIndex | null;
  decide(request: Request): Answer | Promise<Answer>;
}

/**
 * Decides by Casbin's own enforcer, on a policy with only `rules`, in their order.
 *
 * With `configureEnforcer` anything may be asynchronous and any rule may match, so the enforcer gets the whole
 * policy for each request. Without, it gets those rules that can match it; the answers are the same.
 */
export async function createDecider(
  model: Model,
  rules: readonly Rule[],
  configureEnforcer?: ConfigureEnforcer,
): Promise<Decider> {
  const enforcer = await buildInMemoryEnforcer(model, rules, configureEnforcer);
  const toAnswer = answerReader(model);
  if (configureEnforcer === undefined) return createSlicingDecider(enforcer, toAnswer);
  return {
    index: null,
    decide: (request) => enforcer.enforceEx(...request).then(toAnswer, answerOfError),
  };
}

/** Decides each of these requests, as a {@link Decider} does. */
export async function decideAll(
  model: Model,
  rules: readonly Rule[],
  requests: readonly Request[],
  configureEnforcer?: ConfigureEnforcer,
): Promise<Answer[]> {
  if (requests.length === 0) return [];
  const { decide } = await createDecider(model, rules, configureEnforcer);
  const answers: Answer[] = [];
  for (const request of requests) answers.push(await decide(request));
  return answers;
}

function createSlicingDecider(enforcer: Enforcer, toAnswer: ReturnType<typeof answerReader>): Decider {
  hastenDecisions(enforcer);
  // Created when it is needed, because it takes long for many rules.
  const readIndex = rememberLast(() => indexRules(enforcer.getModel()));
  const assertion = enforcer.getModel().model.get('p')?.get('p');
  const rules = assertion?.policy ?? [];
  return {
    get index() {
      return readIndex();
    },
    decide(request) {
      const index = readIndex();
      if (assertion !== undefined && index !== null && rules.length > 0) {
        const matching = index.find(request);
        // Casbin reads the list again at each call. The list must not be empty: Casbin would evaluate the matcher with
        // empty values, and '' == '' allows. Any rule will do, since none of the rules matches.
        assertion.policy = matching.length > 0 ? matching : rules.slice(0, 1);
      }
      try {
        return toAnswer(enforcer.enforceExSync(...request));
      } catch (error) {
        return answerOfError(error);
      }
    },
  };
}

/** The word for a decision that was made. */
export const PAST = { allow: 'allowed', deny: 'denied' } as const satisfies Record<Decision, string>;

export function decisionOf({ allowed }: Answer): Decision {
  return allowed ? 'allow' : 'deny';
}

function answerReader(model: Model): (answer: unknown) => Answer {
  const isByRule = usesRules(matcherOf(model));
  return (answer) => {
    // A disabled enforcer answers with true alone, although its types say otherwise.
    const [allowed, rule]: [boolean, string[]] = Array.isArray(answer) ? [answer[0], answer[1]] : [true, []];
    return { allowed, rule: isByRule ? rule : [], error: null };
  };
}

function answerOfError(error: unknown): Answer {
  return { allowed: false, rule: [], error: error instanceof Error ? error.message : String(error) };
}

/** Lets the process do other work, between steps that take long for a large policy. */
export async function breathe(): Promise<void> {
  await setImmediate();
}

/** How long it may keep the process from other work, plus the length of one step. */
const STRETCH_MS = 4;

/**
 * Iterates over items, and lets the process do other work from time to time, so that an application that verifies a
 * large policy still answers requests.
 */
export async function* paced<T>(items: Iterable<T>): AsyncGenerator<T, void> {
  let since = performance.now();
  for (const item of items) {
    if (performance.now() - since > STRETCH_MS) {
      await breathe();
      since = performance.now();
    }
    yield item;
  }
}

/**
 * Decides requests one after the other, and lets the process do other work in between. It awaits only answers that are
 * promises, because awaiting each answer would take a large part of the time.
 */
export async function decidePaced<T>(
  { decide }: Decider,
  items: Iterable<T>,
  requestOf: (item: T) => Request,
  see: (item: T, answer: Answer, request: Request) => void,
): Promise<void> {
  let since = performance.now();
  for (const item of items) {
    if (performance.now() - since > STRETCH_MS) {
      await breathe();
      since = performance.now();
    }
    const request = requestOf(item);
    const answer = decide(request);
    see(item, answer instanceof Promise ? await answer : answer, request);
  }
}
