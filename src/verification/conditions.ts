import type { Model } from 'casbin';
import { type Condition, identifier, readConjunct, splitMatcher, walk } from '../casbin/matcher.ts';
import { matcherOf, tokensOf } from '../casbin/model.ts';

/** A condition of a matcher, and how it compares the request with a rule. */
export type RuleCondition = Condition &
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
export function listAlternatives(model: Model): RuleCondition[][] {
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
