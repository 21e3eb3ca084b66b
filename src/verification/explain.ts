import type { Model } from 'casbin';
import { formatRule, type Rule, ruleKey } from '../policy/rule.ts';
import type { RuleSet } from '../policy/rule-set.ts';
import type { Answer } from './decide.ts';
import type { Explanation } from './report.ts';
import type { Request } from './requests.ts';
import { roleRoutes } from './role-route.ts';

/**
 * Tells for one policy why a request was answered as it was.
 *
 * @param causes the added rules that make the answer, where they are known; otherwise, those that took part
 */
export type Explain = (request: Request, answer: Answer, causes?: readonly Rule[]) => Explanation;

/**
 * Makes {@link Explain} for the policy that the answers were given on.
 *
 * @param rules that policy; with the ids of the rows, where it is stored
 * @param defined the rules of the definition, to tell which were added since
 */
export function explainer(
  model: Model,
  rules: readonly (Rule & { readonly id?: number })[],
  defined: RuleSet,
): Explain {
  const stored = new Map(rules.map((rule) => [ruleKey(rule), rule]));
  const findRoute = roleRoutes(
    model,
    rules,
    rules.filter((rule) => defined.has(rule)),
  );
  return (request, { allowed, rule: values, error }, causes) => {
    const rule: Rule | null = values.length === 0 ? null : { ptype: 'p', values };
    const { path, links } = rule === null ? { path: [], links: [] } : findRoute(request, rule);
    const involved = rule === null ? [] : [rule, ...links];
    const added = causes ?? involved.filter((one) => !defined.has(one));
    const keys = new Set([...involved, ...added].map(ruleKey));
    return {
      rule: rule === null ? null : toArray(rule),
      rolePath: path,
      ids: [...keys].flatMap((key) => stored.get(key)?.id ?? []),
      added: added.map(toArray),
      reason: describe(allowed, rule, path, added, error),
    };
  };
}

function describe(
  allowed: boolean,
  rule: Rule | null,
  path: readonly string[],
  added: readonly Rule[],
  error: string | null,
): string {
  const since = added.length > 0 ? `; not in the definition: ${added.map(formatRule).join('; ')}` : '';
  if (error !== null) return `Casbin throws: ${error}${since}`;
  if (rule === null) return `no rule ${allowed ? 'denies' : 'allows'} it${since}`;
  const through = path.length > 1 ? `, through ${path.join(' → ')}` : '';
  return `by "${formatRule(rule)}"${through}${since}`;
}

function toArray({ ptype, values }: Rule): readonly string[] {
  return [ptype, ...values];
}
