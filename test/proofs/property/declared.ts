import { newModelFromString } from 'casbin';
import { leadingConjuncts } from '../../../src/casbin/matcher.ts';
import { tokensOf } from '../../../src/casbin/model.ts';
import type { Request } from '../../../src/policy/definition.ts';
import { buildHierarchies, collectInherited } from '../../../src/policy/hierarchy.ts';
import type { Rule } from '../../../src/policy/rule.ts';

/**
 * What rules declare as they read, worked out without Casbin: a request is allowed when a rule with its values is
 * given to its subject, or to a role that the subject inherits from in the same domain. For models whose matcher is
 * nothing but `r.x == p.y` and `g(r.x, p.y)`, and whose effect is some-allow.
 */
export function declaredBy(modelText: string, rules: readonly Rule[]): (request: Request) => boolean {
  const model = newModelFromString(modelText);
  const conjuncts = leadingConjuncts(model.model.get('m')?.get('m')?.value ?? '');
  const requestTokens = tokensOf(model, 'r');
  const policyTokens = tokensOf(model, 'p');
  const permissions = rules.filter(({ ptype }) => ptype === 'p');

  return (request) => {
    const given = (token: string) => request[requestTokens.indexOf(token)] ?? '';
    const accepted = conjuncts.map((conjunct) => ({
      position: policyTokens.indexOf(conjunct.policy),
      names:
        conjunct.kind === 'equal'
          ? [given(conjunct.request)]
          : namesOf(
              rules.filter(({ ptype }) => ptype === conjunct.ptype),
              given(conjunct.request),
              conjunct.domain ? given(conjunct.domain) : '',
            ),
    }));
    return permissions.some(({ values }) =>
      accepted.every(({ position, names }) => names.includes(values[position] ?? '')),
    );
  };
}

/** The name, and all that it inherits from. */
function namesOf(links: readonly Rule[], name: string, domain: string): readonly string[] {
  const hierarchy = buildHierarchies(links).find((one) => one.domain === domain);
  return hierarchy === undefined ? [name] : collectInherited(hierarchy, name);
}
