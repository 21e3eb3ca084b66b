import { AssertionError } from 'node:assert';
import { kindOf } from '../text.ts';
import { PAST } from '../verification/decide.ts';
import type { Decision } from '../verification-report.ts';
import {
  askEnforcer,
  type EnforcerSource,
  enforcerOf,
  explainAnswer,
  type GivenRequest,
  isEnforcer,
  type RequestArguments,
} from './ask-enforcer.ts';

/**
 * Resolves when the enforcer allows the request.
 *
 * @param source an enforcer; or a pool, whose policy is then loaded at each call, and decided by the default model.
 *   If the application has another model, give `await createEnforcer(pool, options)`
 * @throws AssertionError of node:assert when it is denied; the message explains why
 * @throws Error when the enforcer can't decide, and what createEnforcer throws
 */
export async function assertAllowed(source: EnforcerSource, ...request: RequestArguments): Promise<void> {
  await assertDecision(source, request, 'allow');
}

/**
 * Resolves when the enforcer denies the request.
 *
 * @param source as for {@link assertAllowed}
 * @throws AssertionError of node:assert when it is allowed; the message names the rule and the path of roles to it
 * @throws Error when the enforcer can't decide, and what createEnforcer throws
 */
export async function assertDenied(source: EnforcerSource, ...request: RequestArguments): Promise<void> {
  await assertDecision(source, request, 'deny');
}

/** Asserts one decision. */
export async function assertDecision(
  source: EnforcerSource,
  request: GivenRequest,
  expected: Decision,
): Promise<void> {
  refuseNeither(source);
  const enforcer = await enforcerOf(source, {});
  const actual = await askEnforcer(enforcer, request);
  if (actual === expected) return;
  throw new AssertionError({
    message: await explainAnswer(enforcer, request, actual),
    actual: PAST[actual],
    expected: PAST[expected],
    operator: 'equal',
  });
}

/** JavaScript callers may give anything. */
function refuseNeither(source: unknown): void {
  if (isEnforcer(source) || typeof Object(source).connect === 'function') return;
  throw new TypeError(
    `assertAllowed and assertDenied need a Casbin enforcer, or a pool of the database, not ${kindOf(source)}: await assertAllowed(enforcer, …)`,
  );
}
