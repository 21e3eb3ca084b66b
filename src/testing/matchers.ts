import type { Enforcer } from 'casbin';
import type { MatcherState } from 'vitest';
import { tokensOf } from '../casbin/model.ts';
import { reasonOf } from '../reason.ts';
import type { Decision } from '../verification/report.ts';
import { explainAnswer } from './explain-answer.ts';
import { formatRequest } from './format-request.ts';
import { isEnforcer } from './target.ts';

type Request = readonly (string | object)[];

interface Outcome {
  readonly pass: boolean;
  readonly message: () => string;
}

/** Passes when the enforcer allows the request. Rejects, also under `not`, when it can't decide. */
export function toAllow(this: MatcherState, received: unknown, ...request: Request): Promise<Outcome> {
  return judge(received, request, 'allow', this.isNot);
}

/** Passes when the enforcer denies the request. Rejects, also under `not`, when it can't decide. */
export function toDeny(this: MatcherState, received: unknown, ...request: Request): Promise<Outcome> {
  return judge(received, request, 'deny', this.isNot);
}

async function judge(received: unknown, request: Request, hoped: Decision, isNot: boolean): Promise<Outcome> {
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
async function decide(enforcer: Enforcer, request: Request): Promise<boolean> {
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
