import type { Model } from 'casbin';
import { sparedCallTest } from '../casbin/calls.ts';
import type { Evaluate } from '../casbin/evaluator.ts';
import {
  asWritten,
  type Condition,
  identifier,
  readConjunct,
  splitMatcher,
  walk,
} from '../casbin/matcher.ts';
import { matcherOf, tokensOf } from '../casbin/model.ts';
import { patternCheck } from '../casbin/patterns.ts';
import { getOrAdd } from '../collections.ts';
import type { Request } from '../policy/definition.ts';
import { formatValue, type Rule, toLine } from '../policy/rule.ts';

/** A rule that would have allowed a request without these differences. */
export interface ClosestRule {
  /** Ptype first. */
  readonly rule: readonly string[];
  /** Each as text: `readonly is not user`. */
  readonly differences: readonly string[];
}

const SHOWN_RULES = 3;

/**
 * The rules that differ least from a request, by the conditions of the matcher. Rules that have nothing in common with
 * it are left out.
 *
 * @param evaluate evaluates a condition for this request and a rule
 */
export async function findClosestRules(
  model: Model,
  rules: readonly Rule[],
  request: Request,
  evaluate: Evaluate,
): Promise<ClosestRule[]> {
  const alternatives = listAlternatives(model);
  const effect = tokensOf(model, 'p').indexOf('eft');
  const holds = conditionTest(model, request, evaluate);
  let closest: { readonly rule: Rule; readonly failed: readonly RuleCondition[] }[] = [];
  for (const rule of rules) {
    if (rule.ptype !== 'p' || rule.values[effect] === 'deny') continue;
    const failed = await findFewestFailed(alternatives, (condition) => holds(condition, rule));
    const most = closest[0]?.failed.length ?? Number.POSITIVE_INFINITY;
    if (failed === null || failed.length > most) continue;
    if (failed.length < most) closest = [];
    closest.push({ rule, failed });
  }
  return closest
    .sort((a, b) => distanceOf(a.failed) - distanceOf(b.failed))
    .slice(0, SHOWN_RULES)
    .map(({ rule, failed }) => ({
      rule: toLine(rule),
      differences: failed.map((condition) => describeDifference(condition, rule, request)),
    }));
}

/** The failed conditions of the alternative with the fewest; null if none fails, or a rule meets none of its own. */
async function findFewestFailed(
  alternatives: readonly (readonly RuleCondition[])[],
  holds: (condition: RuleCondition) => boolean | Promise<boolean>,
): Promise<RuleCondition[] | null> {
  let fewest: RuleCondition[] | null = null;
  for (const conditions of alternatives) {
    const failed: RuleCondition[] = [];
    let isRelated = false;
    for (const condition of conditions) {
      const answer = holds(condition);
      // Most answers are no promises, and awaiting them all would take long for a large policy.
      if (!(typeof answer === 'boolean' ? answer : await answer)) failed.push(condition);
      else if (condition.isOfRule) isRelated = true;
    }
    if (failed.length === 0) return null;
    if (isRelated && failed.length < (fewest?.length ?? Number.POSITIVE_INFINITY)) fewest = failed;
  }
  return fewest;
}

/** A role can be assigned, so a rule that lacks only one is closer than one that names another resource. */
function distanceOf(failed: readonly RuleCondition[]): number {
  return failed.reduce((sum, { kind }) => sum + (kind === 'inherits' ? 0.9 : 1), 0);
}

/** Creates a function that returns whether a condition holds for the request and a rule. */
function conditionTest(model: Model, request: Request, evaluate: Evaluate) {
  const hasRole = roleTest(model);
  const findFault = patternCheck(model);
  const isSpared = sparedCallTest(model);
  return (condition: RuleCondition, rule: Rule): boolean | Promise<boolean> => {
    const { values } = rule;
    if (condition.kind === 'matches' || condition.kind === 'other') {
      // A pattern that Casbin does not take, never finishes reading, or never comes to, matches nothing.
      if (isSpared(condition.text, rule) || findFault(rule) !== null) return false;
      return evaluate(condition.text, values).then(Boolean, () => false);
    }
    const asked = request[condition.position] ?? '';
    const given = values[condition.policyPosition] ?? '';
    if (asked === given || condition.kind !== 'inherits') return asked === given;
    const domain = condition.domainPosition === null ? undefined : request[condition.domainPosition];
    return hasRole(condition.ptype, asked, given, domain);
  };
}

/** Asks the enforcer's own role manager, which may be a custom one. */
function roleTest(model: Model) {
  const known = new Map<string, Promise<boolean>>();
  return (ptype: string, name: string, role: string, domain: string | undefined): Promise<boolean> => {
    return getOrAdd(known, JSON.stringify([ptype, name, role, domain]), async () => {
      const manager = model.model.get('g')?.get(ptype)?.rm;
      const answer = manager?.hasLink(name, role, ...(domain === undefined ? [] : [domain]));
      return answer?.catch(() => false) ?? false;
    });
  };
}

function describeDifference(condition: RuleCondition, { values }: Rule, request: Request): string {
  if (condition.kind === 'other') return `${asWritten(condition.text)} is false`;
  const asked = formatValue(request[condition.position] ?? '');
  const given = formatValue(values[condition.policyPosition] ?? '');
  switch (condition.kind) {
    case 'inherits':
      return `${asked} is not ${given}`;
    case 'equal':
      return `${condition.token} is ${given}`;
    case 'matches':
      return `${condition.token}: ${given} does not match ${asked}`;
  }
}

const SHOWN_VALUES = 6;

/**
 * Values of the request that no rule has in that place, so they are probably misspelt, with the values that rules have.
 */
export function findUnknownValues(model: Model, rules: readonly Rule[], request: Request): string[] {
  const permissions = rules.filter(({ ptype }) => ptype === 'p');
  const found = listAlternatives(model)
    .flat()
    .flatMap((condition) => {
      if (condition.kind !== 'equal') return [];
      const { token, position, policyPosition } = condition;
      const value = request[position] ?? '';
      const known = [...new Set(permissions.map(({ values }) => values[policyPosition] ?? ''))];
      if (known.length === 0 || known.includes(value)) return [];
      const shown = known.slice(0, SHOWN_VALUES).map(formatValue).join(', ');
      const more = known.length > SHOWN_VALUES ? ', …' : '';
      return [`no rule has ${token} = ${formatValue(value)}, only ${shown}${more}`];
    });
  return [...new Set(found)];
}

/** A condition of a matcher, and how it compares the request with a rule. */
type RuleCondition = Condition &
  ComparedAs & {
    /** Whether it depends on the rule. */
    readonly isOfRule: boolean;
  };

/** `matches`: one value of the request and one of the rule, in a way that only the enforcer knows. */
type ComparedAs =
  | ({ readonly kind: 'equal' | 'matches' } & ComparedValues)
  | (ComparedValues & {
      readonly kind: 'inherits';
      readonly ptype: string;
      readonly domainPosition: number | null;
    })
  | { readonly kind: 'other' };

interface ComparedValues {
  /** The name of the value in the request definition. */
  readonly token: string;
  readonly position: number;
  readonly policyPosition: number;
}

/** The alternatives of a model's matcher, each as the conditions that must all hold. */
function listAlternatives(model: Model): RuleCondition[][] {
  const alternatives = splitMatcher(matcherOf(model));
  return alternatives.map((conditions) => conditions.map((condition) => readCondition(model, condition)));
}

function readCondition(model: Model, condition: Condition): RuleCondition {
  const nodes = walk(condition.node);
  const names = new Set(nodes.flatMap((node) => identifier(node) ?? []));
  const namesOf = (section: string) =>
    [...names].flatMap((name) => (name.startsWith(`${section}_`) ? [name.slice(2)] : []));
  const [asked, given] = [namesOf('r'), namesOf('p')];
  const isOfRule = given.length > 0;
  const [tokens, policyTokens] = [tokensOf(model, 'r'), tokensOf(model, 'p')];
  const compared = (token: string, policy: string): ComparedValues => {
    return { token, position: tokens.indexOf(token), policyPosition: policyTokens.indexOf(policy) };
  };
  const conjunct = readConjunct(condition.node);
  if (conjunct !== null) {
    const values = compared(conjunct.request, conjunct.policy);
    if (conjunct.kind === 'equal') return { ...condition, isOfRule, kind: 'equal', ...values };
    const { kind, ptype, domain } = conjunct;
    const domainPosition = domain === null ? null : tokens.indexOf(domain);
    return { ...condition, isOfRule, kind, ptype, domainPosition, ...values };
  }
  const isOfTexts = !nodes.some(({ type }) => type === 'MemberExpression');
  const [token = '', policy = ''] = [asked[0], given[0]];
  if (MATCHING.includes(condition.node.type) && isOfTexts && asked.length === 1 && given.length === 1) {
    return { ...condition, isOfRule, kind: 'matches', ...compared(token, policy) };
  }
  return { ...condition, isOfRule, kind: 'other' };
}

/** A function that compares, or several ways to compare: `r.act == p.act || p.act == "*"`. */
const MATCHING: readonly string[] = ['CallExpression', 'LogicalExpression'];
