import type { Model } from 'casbin';
import { type Rule, ruleKey } from '../policy/rule.ts';
import type { Answer } from './decide.ts';
import type { Coverage } from './report.ts';
import type { Request } from './requests.ts';
import { roleRoutes } from './role-route.ts';

/**
 * Which of the defined rules the expectations say anything about: the `p` rules that decided one, and the role
 * links on the way from a subject to them.
 */
export function measureCoverage(
  model: Model,
  defined: readonly Rule[],
  requests: readonly Request[],
  answers: readonly Answer[],
): Coverage {
  const findRoute = roleRoutes(model, defined);
  const covered = new Set<string>();
  for (const [index, request] of requests.entries()) {
    const values = answers[index]?.rule ?? [];
    if (values.length === 0) continue;
    const rule = { ptype: 'p', values };
    for (const one of [rule, ...findRoute(request, rule).links]) covered.add(ruleKey(one));
  }
  const uncovered = defined.filter((rule) => !covered.has(ruleKey(rule)));
  return {
    covered: defined.length - uncovered.length,
    total: defined.length,
    uncovered: uncovered.map(({ ptype, values }) => [ptype, ...values]),
  };
}
