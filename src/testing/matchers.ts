import type { Enforcer } from 'casbin';
import { expect, type MatcherState } from 'vitest';
import { tokensOf } from '../casbin/model.ts';
import type { PolicyDefinition, PolicyRequest } from '../policy/definition.ts';
import type { Decision } from '../report.ts';
import { reasonOf } from '../text.ts';
import { isEnforcer } from './enforcer-source.ts';
import { explainAnswer, formatRequest } from './explain-answer.ts';

/**
 * For an application to name its policy in, once, so that a misspelt name in a test does not compile. Otherwise
 * a denial passes for the wrong reason.
 *
 * `policy` is what the arguments of the matchers are taken from; `subject`, if there is one, adds names of users
 * to those of its roles.
 *
 * @example
 * declare module 'casbin-bootstrap/testing' {
 *   interface Register {
 *     policy: typeof policy;
 *     subject: 'alice' | 'bob';
 *   }
 * }
 */
// biome-ignore lint/suspicious/noEmptyInterface: filled by applications
export interface Register {}

/** The values of a request: those of the policy in {@link Register}, or any strings, and objects for attributes. */
export type RequestArguments = Register extends {
  /** The type of the application's policy. */
  policy: PolicyDefinition<infer Role, infer Resource, infer Action>;
}
  ? string extends Role
    ? (string | object)[]
    : [...PolicyRequest<Role | RegisteredSubject, Resource, Action>]
  : (string | object)[];

/** The names that {@link Register} adds to the roles of the policy: its `subject`, or none. */
export type RegisteredSubject = Register extends {
  /** The type of the names, as `'alice' | 'bob'`. */
  subject: infer Subject extends string;
}
  ? Subject
  : never;

declare module 'vitest' {
  // biome-ignore lint/suspicious/noExplicitAny: Vitest declares it so, and merged declarations must be the same
  interface Matchers<T = any> {
    /** The enforcer allows the request; if not, the message explains why. */
    toAllow(...request: RequestArguments): Promise<void>;
    /** The enforcer denies the request; if not, the message explains why. */
    toDeny(...request: RequestArguments): Promise<void>;
  }
}

expect.extend({ toAllow, toDeny });

type GivenRequest = readonly (string | object)[];

/** What a matcher tells Vitest. */
interface MatcherResult {
  readonly pass: boolean;
  readonly message: () => string;
}

/** Passes when the enforcer allows the request. Rejects, also under `not`, when it can't decide. */
function toAllow(this: MatcherState, received: unknown, ...request: GivenRequest): Promise<MatcherResult> {
  return checkDecision(received, request, 'allow', this.isNot);
}

/** Passes when the enforcer denies the request. Rejects, also under `not`, when it can't decide. */
function toDeny(this: MatcherState, received: unknown, ...request: GivenRequest): Promise<MatcherResult> {
  return checkDecision(received, request, 'deny', this.isNot);
}

async function checkDecision(
  received: unknown,
  request: GivenRequest,
  hoped: Decision,
  isNot: boolean,
): Promise<MatcherResult> {
  if (!isEnforcer(received)) {
    throw new TypeError('toAllow and toDeny need a Casbin enforcer: await expect(enforcer).toAllow(…)');
  }
  const answer: Decision = (await decide(received, request)) ? 'allow' : 'deny';
  const pass = answer === hoped;
  // Vitest leaves `isNot` undefined where there is no `not`, whatever its types say.
  const explained = pass === Boolean(isNot) ? await explainAnswer(received, request, answer) : '';
  return { pass, message: () => explained };
}

/** What the enforcer's own `enforce` answers: that is what the application will ask, cached or not. */
async function decide(enforcer: Enforcer, request: GivenRequest): Promise<boolean> {
  const tokens = tokensOf(enforcer.getModel(), 'r');
  if (tokens.length !== request.length) {
    throw new TypeError(
      `the request has ${request.length} values (${formatRequest(request)}), but the model's requests have ${tokens.length}: ${tokens.join(', ')}`,
    );
  }
  try {
    return await enforcer.enforce(...request);
  } catch (cause) {
    throw new Error(`Casbin can't decide "${formatRequest(request)}": ${reasonOf(cause)}`, { cause });
  }
}
