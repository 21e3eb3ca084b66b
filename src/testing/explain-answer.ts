import { inspect } from 'node:util';
import type { Enforcer } from 'casbin';
import { formatValue } from '../policy/rule.ts';
import { renderExplanation } from '../render/explanation.ts';
import type { Decision } from '../report.ts';
import { shorten } from '../text.ts';
import { explainByEnforcer } from '../verification/decision-explanation.ts';

/**
 * Why an enforcer answered as it did: the request, the answer, the rule that decided and the path of roles to it.
 * For a denial by no rule: the subject's roles, and the rules that come closest to allowing it.
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
export function formatRequest(request: readonly unknown[]): string {
  return request.map(formatArgument).join(', ');
}

/** One value of a request, which may be an object with attributes. */
function formatArgument(value: unknown): string {
  if (typeof value === 'string') return formatValue(value);
  return shorten(inspect(value, { depth: 1, breakLength: Number.POSITIVE_INFINITY }));
}
