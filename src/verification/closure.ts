import type { Model } from 'casbin';
import type { ConfigureEnforcer } from '../casbin/enforcer.ts';
import { type Conjunct, isPlainConjunction, leadingConjuncts } from '../casbin/matcher.ts';
import { tokensOf } from '../casbin/model.ts';
import { buildHierarchies, findRolePath, type Hierarchy } from '../policy/hierarchy.ts';
import type { Rule } from '../policy/rule.ts';
import type { Request } from './requests.ts';

const SOME_ALLOW = 'some(where (p_eft == allow))';

/**
 * What a definition declares, worked out without Casbin: a request is allowed when a rule with its values is
 * given to its subject, or to a role that the subject inherits from in the same domain.
 *
 * Null where a model may mean something else: a matcher that is not just `r.x == p.y` and `g(r.x, p.y)`, another
 * effect than some-allow, rules that carry an effect of their own, custom functions or role managers.
 */
export function closureOf(
  model: Model,
  rules: readonly Rule[],
  configureEnforcer: ConfigureEnforcer | undefined,
): ((request: Request) => boolean) | null {
  const matcher = model.model.get('m')?.get('m')?.value ?? '';
  const effect = model.model.get('e')?.get('e')?.value;
  const policyTokens = tokensOf(model, 'p');
  const plain = configureEnforcer === undefined && effect === SOME_ALLOW && !policyTokens.includes('eft');
  if (!plain || !isPlainConjunction(matcher)) return null;

  const conjuncts = leadingConjuncts(matcher);
  const requestTokens = tokensOf(model, 'r');
  const links = groupByDomain(buildHierarchies(rules));
  const candidates = indexRules(rules, conjuncts, policyTokens);
  const inherits = conjuncts.filter((conjunct) => conjunct.kind === 'inherits');
  return (request) => {
    const take = (token: string) => request[requestTokens.indexOf(token)] ?? '';
    const matching = candidates.get(equalKey(conjuncts, (conjunct) => take(conjunct.request))) ?? [];
    return matching.some(({ values }) =>
      inherits.every(({ ptype, request: token, policy, domain }) => {
        const role = values[policyTokens.indexOf(policy)] ?? '';
        const hierarchy = links.get(JSON.stringify([ptype, domain === null ? '' : take(domain)]));
        if (take(token) === role) return true;
        return hierarchy !== undefined && findRolePath(hierarchy, take(token), role) !== null;
      }),
    );
  };
}

function groupByDomain(hierarchies: readonly Hierarchy[]): Map<string, Hierarchy> {
  return new Map(
    hierarchies.map((hierarchy) => [JSON.stringify([hierarchy.ptype, hierarchy.domain]), hierarchy]),
  );
}

function indexRules(rules: readonly Rule[], conjuncts: readonly Conjunct[], policyTokens: readonly string[]) {
  const index = new Map<string, Rule[]>();
  for (const rule of rules) {
    if (rule.ptype !== 'p') continue;
    const key = equalKey(conjuncts, ({ policy }) => rule.values[policyTokens.indexOf(policy)] ?? '');
    const known = index.get(key);
    if (known === undefined) index.set(key, [rule]);
    else known.push(rule);
  }
  return index;
}

function equalKey(conjuncts: readonly Conjunct[], take: (conjunct: Conjunct) => string): string {
  return JSON.stringify(conjuncts.filter(({ kind }) => kind === 'equal').map(take));
}
