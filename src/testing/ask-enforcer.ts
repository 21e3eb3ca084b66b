import { inspect } from 'node:util';
import type { Enforcer } from 'casbin';
import { tokensOf } from '../casbin/model.ts';
import { createEnforcer } from '../create-enforcer.ts';
import type { PoolLike } from '../database/client.ts';
import type { EnforcerOptions } from '../options.ts';
import type {
  DomainPolicyDefinition,
  DomainRequest,
  PolicyDefinition,
  PolicyRequest,
  Register,
} from '../policy/definition.ts';
import { formatValue } from '../policy/rule.ts';
import { renderExplanation } from '../render/explanation.ts';
import { reasonOf, shorten } from '../text.ts';
import { explainByEnforcer } from '../verification/decision-explanation.ts';
import type { Decision } from '../verification-report.ts';

/** A request as a test gives it, before the model is known. */
export type GivenRequest = readonly (string | object)[];

/**
 * Returns what the enforcer's own `enforce` answers, cached or not, because the application calls that method.
 *
 * @throws when it can't decide: the request has too few or too many values, or Casbin throws
 */
export async function askEnforcer(enforcer: Enforcer, request: GivenRequest): Promise<Decision> {
  const tokens = tokensOf(enforcer.getModel(), 'r');
  if (tokens.length !== request.length) {
    throw new TypeError(
      `the request has ${request.length} values (${formatRequest(request)}), but the model's requests have ${tokens.length}: ${tokens.join(', ')}`,
    );
  }
  try {
    return (await enforcer.enforce(...request)) ? 'allow' : 'deny';
  } catch (cause) {
    throw new Error(`Casbin can't decide "${formatRequest(request)}": ${reasonOf(cause)}`, { cause });
  }
}

/**
 * Explains an answer: the request, the answer, the rule that decided and the path of roles to it. If no rule matches:
 * the subject's roles, and the rules that come closest to allowing the request.
 */
export async function explainAnswer(
  enforcer: Enforcer,
  request: readonly (string | object)[],
  answer: Decision,
): Promise<string> {
  const texts = request.map((value) => (typeof value === 'string' ? value : formatArgument(value)));
  const explanation = await explainByEnforcer(enforcer, request, texts, answer);
  return `${renderExplanation(explanation, { shown: request.map(formatArgument) })}\n`;
}

/** A request as a person reads it in a message: `user, accounts, read`. */
function formatRequest(request: readonly unknown[]): string {
  return request.map(formatArgument).join(', ');
}

/** One value of a request, which may be an object with attributes. */
function formatArgument(value: unknown): string {
  if (typeof value === 'string') return formatValue(value);
  return shorten(inspect(value, { depth: 1, breakLength: Number.POSITIVE_INFINITY }));
}

/** What makes the decisions: an enforcer, or the pool of a database, on which an enforcer is created. */
export type EnforcerSource = Enforcer | PoolLike;

/** Whether a value is an enforcer. Not instanceof: Casbin has two builds, and tests may hold the other one's. */
export function isEnforcer(value: unknown): value is Enforcer {
  return typeof value === 'object' && value !== null && 'enforceEx' in value && 'getModel' in value;
}

/** The given enforcer, or a new one on the given database. */
export async function enforcerOf(target: EnforcerSource, options: EnforcerOptions): Promise<Enforcer> {
  return isEnforcer(target) ? target : createEnforcer(target, options);
}

/** The values of a request: those of the policy in {@link Register}, or any strings, and objects for attributes. */
export type RequestArguments = Register extends {
  /** The type of the application's policy. */
  policy: DomainPolicyDefinition<infer Role, infer Resource, infer Action, infer Domain>;
}
  ? [...DomainRequest<Role | RegisteredSubject, Resource, Action, Domain>]
  : Register extends {
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
