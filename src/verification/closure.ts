import type { Model } from 'casbin';
import type { ConfigureEnforcer } from '../casbin/enforcer.ts';
import { type Conjunct, isPlainConjunction, leadingConjuncts } from '../casbin/matcher.ts';
import { tokensOf } from '../casbin/model.ts';
import { HashTable, hashAll, hashText } from '../policy/hash-table.ts';
import { buildHierarchies, collectInherited } from '../policy/hierarchy.ts';
import { rememberLast } from '../policy/remember-last.ts';
import type { Rule } from '../policy/rule.ts';
import type { Request } from './requests.ts';

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
  const namesFor = conjuncts.map((conjunct) => nameFinder(conjunct, rules));
  return (request) => {
    const take = (token: string) => request[requestTokens.indexOf(token)] ?? '';
    const names = conjuncts.map((conjunct, index) => {
      const domain = conjunct.kind === 'inherits' && conjunct.domain !== null ? take(conjunct.domain) : '';
      return namesFor[index]?.(take(conjunct.request), domain) ?? [];
    });
    return combine(names).some(isGiven);
  };
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

/** Every choice of one name from each list. */
function combine(lists: readonly (readonly string[])[]): string[][] {
  return lists.reduce<string[][]>(
    (choices, names) => choices.flatMap((choice) => names.map((name) => [...choice, name])),
    [[]],
  );
}

/** A function that tells whether a `p` rule has these values at these positions. */
function ruleFinder(rules: readonly Rule[], positions: readonly number[]) {
  const takeAt = (index: number) => positions.map((position) => rules[index]?.values[position] ?? '');
  const hash = (values: readonly string[]) => values.reduce((before, value) => hashText(value, before), 0);
  const table = new HashTable(hashAll(rules.length, (index) => hash(takeAt(index))));
  return (values: readonly string[]) =>
    [...table.find(hash(values))].some(
      (index) =>
        rules[index]?.ptype === 'p' && takeAt(index).every((value, position) => value === values[position]),
    );
}
