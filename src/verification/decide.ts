import { setImmediate } from 'node:timers/promises';
import type { Enforcer, Model } from 'casbin';
import { buildInMemoryEnforcer, type ConfigureEnforcer, limitFunctions } from '../casbin/enforcer.ts';
import { rememberLast } from '../collections.ts';
import type { Request } from '../policy/definition.ts';
import type { Rule } from '../policy/rule.ts';
import type { Decision } from '../report.ts';
import { requestKinds } from './request-kinds.ts';
import { indexRules, type RuleIndex } from './rule-index.ts';

/** An answer of the enforcer, and the values of the `p` rule that decided it, if one did. */
export interface Answer {
  readonly allowed: boolean;
  readonly rule: readonly string[];
  /** Why Casbin could not decide, such as a pattern that is not one; then `allowed` is false. */
  readonly error: string | null;
}

/** Decides requests on one policy. */
export interface Decider {
  /** Which rules a request can match; null when any can. All requests that match none have one answer. */
  readonly index: RuleIndex | null;
  decide(request: Request): Answer | Promise<Answer>;
}

/**
 * Decides by Casbin's own enforcer, on a policy of just `rules`, in their order.
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
  if (configureEnforcer === undefined) return createSlicingDecider(enforcer);
  return {
    index: null,
    decide: (request) => enforcer.enforceEx(...request).then(toAnswer, toError),
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

function createSlicingDecider(enforcer: Enforcer): Decider {
  limitFunctions(enforcer);
  // Made when they are needed: of many rules an index takes long.
  const readIndex = rememberLast(() => indexRules(enforcer.getModel()));
  const readKinds = rememberLast(() => requestKinds(enforcer.getModel()));
  const assertion = enforcer.getModel().model.get('p')?.get('p');
  const rules = assertion?.policy ?? [];
  const ask = (request: Request): Answer => {
    try {
      return toAnswer(enforcer.enforceExSync(...request));
    } catch (error) {
      return toError(error);
    }
  };
  const known = new KnownAnswers();
  return {
    get index() {
      return readIndex();
    },
    decide(request) {
      const index = readIndex();
      if (assertion === undefined || index === null || rules.length === 0) return ask(request);
      const matching = index.find(request);
      const kind = readKinds()?.kindOf(request, matching) ?? null;
      const answer = known.recall(kind, matching);
      if (answer !== null) return answer;
      // Casbin reads the list again at each call. Never an empty one, for which it evaluates the matcher once with
      // empty values, and '' == '' allows. Any rule will do, since none of the rules matches.
      assertion.policy = matching.length > 0 ? matching : rules.slice(0, 1);
      return known.remember(kind, matching, ask(request));
    },
  };
}

/** What Casbin has answered to one request of each kind. */
class KnownAnswers {
  readonly #byKind = new Map<string, { readonly allowed: boolean; readonly position: number }>();

  /** With the rule of `matching` that is where the deciding one was; null for a kind that Casbin was not asked of. */
  recall(kind: string | null, matching: readonly (readonly string[])[]): Answer | null {
    const known = kind === null ? undefined : this.#byKind.get(kind);
    if (known === undefined) return null;
    return { allowed: known.allowed, rule: matching[known.position] ?? [], error: null };
  }

  remember(kind: string | null, matching: readonly (readonly string[])[], answer: Answer): Answer {
    const { allowed, rule, error } = answer;
    const position = matching.indexOf(rule);
    if (kind !== null && error === null && (position !== -1) === rule.length > 0)
      this.#byKind.set(kind, { allowed, position });
    return answer;
  }
}

/** How a message tells a decision that was made. */
export const PAST = { allow: 'allowed', deny: 'denied' } as const satisfies Record<Decision, string>;

export function decisionOf({ allowed }: Answer): Decision {
  return allowed ? 'allow' : 'deny';
}

function toAnswer([allowed, rule]: [boolean, string[]]): Answer {
  return { allowed, rule, error: null };
}

function toError(error: unknown): Answer {
  return { allowed: false, rule: [], error: error instanceof Error ? error.message : String(error) };
}

/** Lets the process do other work first: between steps that each take a while for a large policy. */
export async function breathe(): Promise<void> {
  await setImmediate();
}

/** How long the process is kept from other work at a stretch, plus one step. */
const STRETCH_MS = 10;

/**
 * Goes through items, and every now and then lets the process do something else first, so that an application that
 * verifies a large policy still answers.
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
 * Decides requests one after the other, paced. What can be answered at once is not waited for: a wait for each would
 * take as long as a good part of the decisions.
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
