import type { Model } from 'casbin';
import { leadingConjuncts } from '../casbin/matcher.ts';
import { tokensOf } from '../casbin/model.ts';
import type { Request } from '../policy/definition.ts';
import { formatValue, type Rule } from '../policy/rule.ts';

/** A rule that would have allowed a request without these differences. */
interface NearMiss {
  readonly rule: Rule;
  readonly differences: readonly string[];
}

const SHOWN_MISSES = 3;

/** The distance of a rule from a request by one value: a role can be assigned, and a pattern may match. */
const WEIGHTS = { inherits: 0.9, equal: 1, other: 0.5 } as const;

/** The rules that differ least from a request. Rules that have nothing in common with it are left out. */
export async function findClosestRules(
  model: Model,
  rules: readonly Rule[],
  request: Request,
): Promise<NearMiss[]> {
  const comparisons = listComparisons(model);
  const furthest = sum(comparisons);
  const effect = tokensOf(model, 'p').indexOf('eft');
  const found: (NearMiss & { readonly distance: number })[] = [];
  const hasRole = roleTest(model);
  for (const rule of rules) {
    if (rule.ptype !== 'p' || rule.values[effect] === 'deny') continue;
    const differing: ValueComparison[] = [];
    for (const comparison of comparisons) {
      if (!(await holds(comparison, rule, request, hasRole))) differing.push(comparison);
    }
    const distance = sum(differing);
    if (distance === 0 || distance === furthest) continue;
    found.push({
      rule,
      distance,
      differences: differing.map((one) => describeDifference(one, rule, request)),
    });
  }
  // Not Math.min, which takes no list as long as a large policy.
  const fewest = found.reduce(
    (least, { differences }) => Math.min(least, differences.length),
    Number.POSITIVE_INFINITY,
  );
  return found
    .filter(({ differences }) => differences.length === fewest)
    .sort((a, b) => a.distance - b.distance)
    .slice(0, SHOWN_MISSES);
}

function sum(comparisons: readonly ValueComparison[]): number {
  return comparisons.reduce((total, { kind }) => total + WEIGHTS[kind], 0);
}

type RoleTest = (ptype: string, name: string, role: string, domain: string | undefined) => Promise<boolean>;

async function holds(comparison: ValueComparison, rule: Rule, request: Request, hasRole: RoleTest) {
  const asked = request[comparison.position] ?? '';
  const given = rule.values[comparison.policyPosition] ?? '';
  if (asked === given) return true;
  if (comparison.kind !== 'inherits') return false;
  const domain = comparison.domainPosition === null ? undefined : request[comparison.domainPosition];
  return hasRole(comparison.ptype, asked, given, domain);
}

/** Asks the enforcer's own role manager, which may be a custom one. */
function roleTest(model: Model): RoleTest {
  const known = new Map<string, Promise<boolean>>();
  return (ptype, name, role, domain) => {
    const key = JSON.stringify([ptype, name, role, domain]);
    const manager = model.model.get('g')?.get(ptype)?.rm;
    const answer = known.get(key) ?? manager?.hasLink(name, role, ...(domain === undefined ? [] : [domain]));
    const safe = answer?.catch(() => false) ?? Promise.resolve(false);
    known.set(key, safe);
    return safe;
  };
}

function describeDifference(comparison: ValueComparison, rule: Rule, request: Request): string {
  const asked = formatValue(request[comparison.position] ?? '');
  const given = formatValue(rule.values[comparison.policyPosition] ?? '');
  switch (comparison.kind) {
    case 'inherits':
      return `${asked} is not ${given}`;
    case 'equal':
      return `${comparison.token} is ${given}`;
    case 'other':
      return `${comparison.token}: ${given} may not match ${asked}`;
  }
}

const SHOWN_VALUES = 6;

/**
 * Values of the request that no rule has in that place, so they are probably misspelt, with the values that rules have.
 */
export function findUnknownValues(model: Model, rules: readonly Rule[], request: Request): string[] {
  const permissions = rules.filter(({ ptype }) => ptype === 'p');
  return listComparisons(model).flatMap(({ kind, token, position, policyPosition }) => {
    const value = request[position] ?? '';
    const known = [...new Set(permissions.map(({ values }) => values[policyPosition] ?? ''))];
    if (kind !== 'equal' || known.length === 0 || known.includes(value)) return [];
    const shown = known.slice(0, SHOWN_VALUES).map(formatValue).join(', ');
    const more = known.length > SHOWN_VALUES ? ', …' : '';
    return [`no rule has ${token} = ${formatValue(value)}, only ${shown}${more}`];
  });
}

interface ComparedValue {
  /** The name of the value in the request definition. */
  readonly token: string;
  readonly position: number;
  readonly policyPosition: number;
}

/** A value of the request that the matcher compares with one of the rule. `other`: in a way that is not known here. */
type ValueComparison = ComparedValue &
  (
    | { readonly kind: 'equal' | 'other' }
    | { readonly kind: 'inherits'; readonly ptype: string; readonly domainPosition: number | null }
  );

/** What a model's matcher compares, as far as it can be read, and values with the same name. */
function listComparisons(model: Model): ValueComparison[] {
  const requestTokens = tokensOf(model, 'r');
  const policyTokens = tokensOf(model, 'p');
  const read = leadingConjuncts(model.model.get('m')?.get('m')?.value ?? '').map(
    (conjunct): ValueComparison => {
      const { kind, request: token, policy } = conjunct;
      const positions = {
        token,
        position: requestTokens.indexOf(token),
        policyPosition: policyTokens.indexOf(policy),
      };
      if (kind === 'equal') return { kind, ...positions };
      const { ptype, domain } = conjunct;
      return {
        kind,
        ...positions,
        ptype,
        domainPosition: domain === null ? null : requestTokens.indexOf(domain),
      };
    },
  );
  const covered = new Set(read.map(({ token }) => token));
  const others = requestTokens
    .filter((token) => !covered.has(token) && policyTokens.includes(token))
    .map(
      (token): ValueComparison => ({
        kind: 'other',
        token,
        position: requestTokens.indexOf(token),
        policyPosition: policyTokens.indexOf(token),
      }),
    );
  return [...read, ...others];
}
