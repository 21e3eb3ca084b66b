// Casbin first: it teaches the shared parser its `in` operator when it is loaded.
import 'casbin';
import expressionEval from '@casbin/expression-eval';

/** A node of the syntax tree; what else it has depends on its `type`. */
interface Node {
  readonly type: string;
  readonly [property: string]: unknown;
}

/** Names that a matcher uses as values (`r_sub`), and those that it calls (`keyMatch`), in order. */
export interface MatcherNames {
  readonly values: readonly string[];
  readonly calls: readonly { readonly name: string; readonly argumentCount: number }[];
}

/** Collects every name that a matcher uses. Throws what the parser throws. */
export function collectNames(matcher: string): MatcherNames {
  const values: string[] = [];
  const calls: { name: string; argumentCount: number }[] = [];
  const visit = (node: unknown): void => {
    if (Array.isArray(node)) {
      node.forEach(visit);
      return;
    }
    if (!isNode(node)) return;
    const name = identifier(node);
    if (name !== null) values.push(name);
    const callee = node.type === 'CallExpression' ? identifier(node.callee) : null;
    if (callee !== null && Array.isArray(node.arguments)) {
      calls.push({ name: callee, argumentCount: node.arguments.length });
      visit(node.arguments);
    } else if (node.type === 'MemberExpression' && node.computed !== true) {
      visit(node.object);
    } else {
      Object.values(node).forEach(visit);
    }
  };
  visit(parseMatcher(matcher));
  return { values, calls };
}

/** What a conjunct of a matcher demands: `r.x == p.y`, or `g(r.x, p.y)`. */
export type Conjunct =
  | { readonly kind: 'equal'; readonly request: string; readonly policy: string }
  | { readonly kind: 'inherits'; readonly ptype: string; readonly request: string; readonly policy: string };

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

/** Parses a matcher as Casbin stores it: `.` after r and p replaced by `_`. */
function parseMatcher(matcher: string): Node {
  return { ...expressionEval.parse(matcher) };
}

function flattenConjunction(node: Node): Node[] {
  if (node.type !== 'LogicalExpression' || node.operator !== '&&') return [node];
  if (!isNode(node.left) || !isNode(node.right)) return [node];
  return [...flattenConjunction(node.left), ...flattenConjunction(node.right)];
}

function readConjunct(node: Node): Conjunct | null {
  if (node.type === 'BinaryExpression' && node.operator === '==') {
    const names = [identifier(node.left), identifier(node.right)];
    const request = names.find((name) => name?.startsWith('r_'));
    const policy = names.find((name) => name?.startsWith('p_'));
    return request && policy ? { kind: 'equal', request: request.slice(2), policy: policy.slice(2) } : null;
  }
  if (node.type === 'CallExpression') {
    const ptype = identifier(node.callee);
    const [request, policy] = Array.isArray(node.arguments) ? node.arguments.map(identifier) : [];
    if (!ptype || !/^g\d*$/.test(ptype) || !request?.startsWith('r_') || !policy?.startsWith('p_'))
      return null;
    return { kind: 'inherits', ptype, request: request.slice(2), policy: policy.slice(2) };
  }
  return null;
}

function identifier(node: unknown): string | null {
  return isNode(node) && node.type === 'Identifier' && typeof node.name === 'string' ? node.name : null;
}

function isNode(node: unknown): node is Node {
  return typeof node === 'object' && node !== null && 'type' in node;
}
