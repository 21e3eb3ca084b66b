import { collectNames } from './matcher-names.ts';
import { identifier, isNode, type Node, parseMatcher, readCall, walk } from './matcher-syntax.ts';

/** Whether a function that a matcher calls is a role definition: `g`, `g2` … */
export function isRoleDefinition(name: string): boolean {
  return /^g\d*$/.test(name);
}

/** What a conjunct of a matcher demands: `r.x == p.y`, or `g(r.x, p.y)`, or `g(r.x, p.y, r.domain)`. */
export type Conjunct =
  | { readonly kind: 'equal'; readonly request: string; readonly policy: string }
  | {
      readonly kind: 'inherits';
      readonly ptype: string;
      readonly request: string;
      readonly policy: string;
      readonly domain: string | null;
    };

/**
 * The conjuncts that every matching rule must satisfy: those at the top level of the matcher, from the left up
 * to the first one of another kind. What comes after that one may never be reached, as it may throw before.
 */
export function leadingConjuncts(matcher: string): Conjunct[] {
  const conjuncts: Conjunct[] = [];
  for (const node of flattenConjunction(parseMatcher(matcher))) {
    const conjunct = readConjunct(node);
    if (conjunct === null) break;
    conjuncts.push(conjunct);
  }
  return conjuncts;
}

/** Whether a matcher is nothing but a conjunction of `r.x == p.y` and `g(r.x, p.y)`. */
export function isPlainConjunction(matcher: string): boolean {
  return flattenConjunction(parseMatcher(matcher)).every((node) => readConjunct(node) !== null);
}

/** A call of a role definition: `g(r.x, p.y)`, or `g(r.x, p.y, r.domain)`. */
export type RoleCall = Extract<Conjunct, { kind: 'inherits' }>;

/** Every such call in a matcher, wherever it stands. */
export function roleCalls(matcher: string): RoleCall[] {
  return [...walk(parseMatcher(matcher))]
    .flatMap((node) => readConjunct(node) ?? [])
    .filter((conjunct) => conjunct.kind === 'inherits');
}

/**
 * The leading conjuncts that limit which rules can take part at all: none where a matcher has `eval`, since
 * Casbin then makes the text of each rule a part of the matcher, and a text may hold anything, errors too.
 */
export function limitingConjuncts(matcher: string): Conjunct[] {
  return collectNames(matcher).calls.some(({ name }) => name === 'eval') ? [] : leadingConjuncts(matcher);
}

/** The policy values that a matcher hands to a function other than a role definition: patterns, most likely. */
export function patternTokens(matcher: string): string[] {
  return [...walk(parseMatcher(matcher))]
    .flatMap((node) => readCall(node) ?? [])
    .filter(({ name }) => !isRoleDefinition(name))
    .flatMap(({ given }) => [...walk(given)].flatMap((node) => identifier(node) ?? []))
    .filter((name) => name.startsWith('p_'))
    .map((name) => name.slice(2));
}

function flattenConjunction(node: Node): Node[] {
  if (node.type !== 'LogicalExpression' || node.operator !== '&&') return [node];
  if (!isNode(node.left) || !isNode(node.right)) return [node];
  return [...flattenConjunction(node.left), ...flattenConjunction(node.right)];
}

/** Reads one conjunct; null when it is of another kind. */
export function readConjunct(node: Node): Conjunct | null {
  if (node.type === 'BinaryExpression' && node.operator === '==') {
    const names = [identifier(node.left), identifier(node.right)];
    const request = names.find((name) => name?.startsWith('r_'));
    const policy = names.find((name) => name?.startsWith('p_'));
    return request && policy ? { kind: 'equal', request: request.slice(2), policy: policy.slice(2) } : null;
  }
  if (node.type === 'CallExpression') {
    const ptype = identifier(node.callee);
    const [request, policy, domain = 'r_'] = Array.isArray(node.arguments)
      ? node.arguments.map(identifier)
      : [];
    if (!ptype || !isRoleDefinition(ptype) || !request?.startsWith('r_') || !policy?.startsWith('p_'))
      return null;
    if (!domain?.startsWith('r_')) return null;
    return {
      kind: 'inherits',
      ptype,
      request: request.slice(2),
      policy: policy.slice(2),
      domain: domain.slice(2) || null,
    };
  }
  return null;
}
