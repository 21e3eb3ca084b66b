import type { Model } from 'casbin';
import { type Conjunct, limitingConjuncts } from '../casbin/matcher.ts';
import { collectNames } from '../casbin/matcher-names.ts';
import { tokensOf } from '../casbin/model.ts';
import { collectAncestors } from '../policy/ancestors.ts';
import type { Request } from './requests.ts';

type Slice = (request: Request) => string[][];

/**
 * A function from a request to the `p` rules that can match it, in their order; null when the matcher does not
 * limit them.
 *
 * A rule can only match when it satisfies every leading conjunct: `r.x == p.y` by equal values, `g(r.x, p.y)` by
 * a value that the request's is, or inherits from. It holds for string requests on a loaded and sorted model
 * with Casbin's own role manager and no matching function on it.
 */
export function sliceRules(model: Model): Slice | null {
  const rules = model.model.get('p')?.get('p')?.policy ?? [];
  const matcher = model.model.get('m')?.get('m')?.value;
  if (matcher === undefined || rules.length === 0) return null;
  const conjuncts = limitingConjuncts(matcher).filter((conjunct) => !sharesMemory(conjunct, matcher));
  const equal = conjuncts.filter((conjunct) => conjunct.kind === 'equal');
  if (conjuncts.length === 0) return null;

  const requestTokens = tokensOf(model, 'r');
  const policyTokens = tokensOf(model, 'p');
  const buckets = groupRules(rules, equal, policyTokens);
  const tests = conjuncts
    .filter((conjunct) => conjunct.kind === 'inherits')
    .map((conjunct) => inheritanceTest(model, conjunct, requestTokens, policyTokens));
  return (request) => {
    const key = JSON.stringify(equal.map(({ request: token }) => request[requestTokens.indexOf(token)]));
    const bucket = buckets.get(key) ?? [];
    const filters = tests.map((test) => test(request));
    const matching = bucket.filter((rule) => filters.every((filter) => filter(rule)));
    // Never empty: without any rule, Casbin evaluates the matcher once with empty values, and '' == '' allows.
    // Any rule will do, since none of the rules matches.
    return matching.length > 0 ? matching : rules.slice(0, 1);
  };
}

/**
 * Casbin remembers what a role definition has confirmed by its arguments joined by commas. Called twice in one
 * matcher, it may confirm `g("a", "b,c")` and take that for `g("a,b", "c")`.
 */
function sharesMemory(conjunct: Conjunct, matcher: string): boolean {
  if (conjunct.kind !== 'inherits') return false;
  return collectNames(matcher).calls.filter(({ name }) => name === conjunct.ptype).length > 1;
}

/** Rules by the values that they are compared for equality by. */
function groupRules(rules: string[][], equal: readonly Conjunct[], policyTokens: readonly string[]) {
  const buckets = new Map<string, string[][]>();
  for (const rule of rules) {
    const key = JSON.stringify(equal.map(({ policy }) => rule[policyTokens.indexOf(policy)]));
    const bucket = buckets.get(key);
    if (bucket === undefined) buckets.set(key, [rule]);
    else bucket.push(rule);
  }
  return buckets;
}

function inheritanceTest(
  model: Model,
  conjunct: Conjunct & { kind: 'inherits' },
  requestTokens: readonly string[],
  policyTokens: readonly string[],
): (request: Request) => (rule: readonly string[]) => boolean {
  const links = model.model.get('g')?.get(conjunct.ptype)?.policy ?? [];
  const parents = new Map<string, string[]>();
  for (const [child = '', parent = ''] of links) {
    const known = parents.get(child);
    if (known === undefined) parents.set(child, [parent]);
    else known.push(parent);
  }
  const requestPosition = requestTokens.indexOf(conjunct.request);
  const policyPosition = policyTokens.indexOf(conjunct.policy);
  // In any domain, which may be more than Casbin would follow, and never less.
  const ancestorsOf = memoize((name: string) => collectAncestors(parents, name));
  return (request) => {
    const ancestors = ancestorsOf(request[requestPosition] ?? '');
    return (rule) => ancestors.has(rule[policyPosition] ?? '');
  };
}

function memoize<V>(compute: (key: string) => V): (key: string) => V {
  const known = new Map<string, V>();
  return (key) => {
    const value = known.get(key) ?? compute(key);
    known.set(key, value);
    return value;
  };
}
