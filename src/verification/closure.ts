import type { Model } from 'casbin';
import type { ConfigureEnforcer } from '../casbin/enforcer.ts';
import { type Conjunct, isPlainConjunction, leadingConjuncts } from '../casbin/matcher.ts';
import { tokensOf } from '../casbin/model.ts';
import { HashTable, hashAll, hashText, rememberLast } from '../collections.ts';
import type { Request } from '../policy/definition.ts';
import { buildHierarchies, collectInherited } from '../policy/hierarchy.ts';
import type { Rule } from '../policy/rule.ts';

const SOME_ALLOW = 'some(where (p_eft == allow))';

/** Tells whether a definition declares a request to be allowed. */
export type IsAllowed = (request: Request) => boolean;

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
): IsAllowed | null {
  const matcher = model.model.get('m')?.get('m')?.value ?? '';
  const effect = model.model.get('e')?.get('e')?.value;
  const policyTokens = tokensOf(model, 'p');
  const plain = configureEnforcer === undefined && effect === SOME_ALLOW && !policyTokens.includes('eft');
  if (!plain || !isPlainConjunction(matcher)) return null;

  const conjuncts = leadingConjuncts(matcher);
  const requestTokens = tokensOf(model, 'r');
  const isGiven = ruleFinder(
    rules,
    conjuncts.map(({ policy }) => policyTokens.indexOf(policy)),
  );
  const finders = conjuncts.map((conjunct) => {
    const find = nameFinder(conjunct, rules);
    const position = requestTokens.indexOf(conjunct.request);
    const domain = requestTokens.indexOf((conjunct.kind === 'inherits' && conjunct.domain) || '');
    return (request: Request) => find(request[position] ?? '', request[domain] ?? '');
  });
  return (request) => isGiven(finders.map((find) => find(request)));
}

/** The names that a rule may have where a request has this one: the same, and with roles all that it inherits from. */
function nameFinder(conjunct: Conjunct, rules: readonly Rule[]) {
  if (conjunct.kind === 'equal') return (name: string) => [name];
  const own = rules.filter(({ ptype }) => ptype === conjunct.ptype);
  const hierarchies = new Map(buildHierarchies(own).map((hierarchy) => [hierarchy.domain, hierarchy]));
  return rememberLast((name, domain) => {
    const hierarchy = hierarchies.get(domain);
    return hierarchy === undefined ? [name] : collectInherited(hierarchy, name);
  });
}

/** A function that tells whether a `p` rule has one of the names in each list, list by list at these positions. */
function ruleFinder(rules: readonly Rule[], positions: readonly number[]) {
  const hashes = hashAll(rules.length, (index) =>
    positions.reduce((hash, position) => hashText(rules[index]?.values[position] ?? '', hash), 0),
  );
  const table = new HashTable(hashes);
  const isGiven = (
    lists: readonly (readonly string[])[],
    chosen: readonly string[],
    hash: number,
  ): boolean => {
    const names = lists[chosen.length];
    if (names !== undefined) {
      return names.some((name) => isGiven(lists, [...chosen, name], hashText(name, hash)));
    }
    for (const index of table.find(hash)) {
      const { ptype, values } = rules[index] ?? { ptype: '', values: [] };
      if (ptype === 'p' && positions.every((position, at) => values[position] === chosen[at])) return true;
    }
    return false;
  };
  return (lists: readonly (readonly string[])[]) => isGiven(lists, [], 0);
}
