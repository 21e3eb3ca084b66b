import { formatRule, type Rule } from '../policy/rule.ts';
import type { Decision, Explanation, VerificationFailure } from './report.ts';

type Found = Explanation & { readonly request: readonly string[]; readonly actual: Decision };

const PAST = { allow: 'allowed', deny: 'denied' } as const;

export function describeMissing(rule: Rule): VerificationFailure {
  return {
    kind: 'missing-rule',
    request: [],
    expected: null,
    actual: null,
    rule: [rule.ptype, ...rule.values],
    rolePath: [],
    ids: [],
    added: [],
    reason: 'defined, but not stored',
    message: `Rule "${formatRule(rule)}" is defined, but not stored.`,
  };
}

export function describeFailure({ request, actual, reason }: Found): string {
  return `"${request.join(', ')}" must be ${actual === 'allow' ? 'denied' : 'allowed'}, but is ${PAST[actual]}: ${reason}.`;
}

export function describeViolation({ request, reason }: Found): string {
  return `"${request.join(', ')}" must never be allowed, but is: ${reason}.`;
}

export function describeDrift({ request, actual, reason }: Found): string {
  return `"${request.join(', ')}" is ${PAST[actual]}, unlike the definition alone would have it: ${reason}.`;
}

/** Casbin throws, such as on a pattern that is none: an application then denies everything that comes this far. */
export function describeUndecided({ request, reason }: Found): string {
  return `"${request.join(', ')}" can't be decided: ${reason}.`;
}

/** What a migration has changed. */
export function describeBroken({
  request,
  expected,
  reason,
}: Explanation & { readonly request: readonly string[]; readonly expected: Decision }): string {
  return `"${request.join(', ')}" was ${PAST[expected]} before, and is not any more: ${reason}.`;
}
