import type { Enforcer, Model } from 'casbin';
import { buildInMemoryEnforcer, type ConfigureEnforcer } from '../casbin/enforcer.ts';
import type { Rule } from '../policy/rule.ts';
import type { Request } from './requests.ts';
import { sliceRules } from './slice.ts';

/** An answer of the enforcer, and the values of the `p` rule that decided it, if one did. */
export interface Answer {
  readonly allowed: boolean;
  readonly rule: readonly string[];
  /** Why Casbin could not decide, such as a pattern that is not one; then `allowed` is false. */
  readonly error: string | null;
}

/**
 * Decides every request by Casbin's own enforcer, on a policy of just `rules`, in their order.
 *
 * With `configureEnforcer` anything may be asynchronous and any rule may match, so the enforcer gets the whole
 * policy for each request. Without, it gets those rules that can match it; the answers are the same.
 */
export async function decideAll(
  model: Model,
  rules: readonly Rule[],
  requests: readonly Request[],
  configureEnforcer?: ConfigureEnforcer,
): Promise<Answer[]> {
  if (requests.length === 0) return [];
  const enforcer = await buildInMemoryEnforcer(model, rules, configureEnforcer);
  if (configureEnforcer === undefined) return decideSliced(enforcer, requests);
  const answers: Answer[] = [];
  for (const request of requests) {
    answers.push(await enforcer.enforceEx(...request).then(toAnswer, toError));
  }
  return answers;
}

function decideSliced(enforcer: Enforcer, requests: readonly Request[]): Answer[] {
  const policy = enforcer.getModel().model.get('p')?.get('p');
  const slice = policy === undefined ? null : sliceRules(enforcer.getModel());
  return requests.map((request) => {
    // Casbin reads the array anew at each call.
    if (policy !== undefined && slice !== null) policy.policy = slice(request);
    try {
      return toAnswer(enforcer.enforceExSync(...request));
    } catch (error) {
      return toError(error);
    }
  });
}

function toAnswer([allowed, rule]: [boolean, string[]]): Answer {
  return { allowed, rule, error: null };
}

function toError(error: unknown): Answer {
  return { allowed: false, rule: [], error: error instanceof Error ? error.message : String(error) };
}
