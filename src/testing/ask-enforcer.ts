import type { Enforcer } from 'casbin';
import { tokensOf } from '../casbin/model.ts';
import type { Decision } from '../report.ts';
import { reasonOf } from '../text.ts';
import { formatRequest } from './explain-answer.ts';

/** A request as a test gives it, before the model is known. */
export type GivenRequest = readonly (string | object)[];

/**
 * What the enforcer's own `enforce` answers: that is what the application will ask, cached or not.
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
