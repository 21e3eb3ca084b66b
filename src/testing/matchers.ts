import type { Decision } from '../verification-report.ts';
import { askEnforcer, explainAnswer, type GivenRequest, isEnforcer } from './ask-enforcer.ts';

/** The `this` of a matcher in Vitest and Jest, as far as ours use it. */
interface MatcherContext {
  readonly isNot?: boolean;
}

/** What a matcher returns to its runner. */
interface MatcherResult {
  readonly pass: boolean;
  readonly message: () => string;
}

/** Passes when the enforcer allows the request. Rejects, also under `not`, when it can't decide. */
export function toAllow(
  this: MatcherContext,
  received: unknown,
  ...request: GivenRequest
): Promise<MatcherResult> {
  return checkDecision(received, request, 'allow', this.isNot);
}

/** Passes when the enforcer denies the request. Rejects, also under `not`, when it can't decide. */
export function toDeny(
  this: MatcherContext,
  received: unknown,
  ...request: GivenRequest
): Promise<MatcherResult> {
  return checkDecision(received, request, 'deny', this.isNot);
}

async function checkDecision(
  received: unknown,
  request: GivenRequest,
  hoped: Decision,
  isNot: boolean | undefined,
): Promise<MatcherResult> {
  if (!isEnforcer(received)) {
    throw new TypeError('toAllow and toDeny need a Casbin enforcer: await expect(enforcer).toAllow(…)');
  }
  const answer = await askEnforcer(received, request);
  const pass = answer === hoped;
  // It is undefined without `not`, although the types of the runners say otherwise.
  const explained = pass === Boolean(isNot) ? await explainAnswer(received, request, answer) : '';
  return { pass, message: () => explained };
}
