import expressionEval from '@casbin/expression-eval';
import { Util } from 'casbin';
import { rememberLast } from '../collections.ts';
import { reasonOf } from '../text.ts';

/** Whether a function that a matcher calls is a role definition: `g`, `g2` … */
export function isRoleDefinition(name: string): boolean {
  return /^g\d*$/.test(name);
}

/** A condition of a matcher: `r.x == p.y`, or `g(r.x, p.y)`, or `g(r.x, p.y, r.domain)`. */
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
 * to the first one of another kind. That one may throw, so the conjuncts after it may never be evaluated.
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

/** Whether a matcher is only a conjunction of `r.x == p.y` and `g(r.x, p.y)`. */
export function isPlainConjunction(matcher: string): boolean {
  return flattenConjunction(parseMatcher(matcher)).every((node) => readConjunct(node) !== null);
}

/** A condition of a matcher, with its text as Casbin stores it. */
export interface Condition {
  readonly text: string;
  readonly node: Node;
}

/** A text of a model as it is written there: `r.sub`, where Casbin stores `r_sub`. */
export function asWritten(stored: string): string {
  return stored.replaceAll(/\b([rp]\d*)_/g, '$1.');
}

/** The alternatives of a matcher, `… || …`, each as the conditions that it joins by `&&`. */
export function splitMatcher(matcher: string): Condition[][] {
  return splitBy('||', matcher).map((alternative) =>
    splitBy('&&', alternative).map((text) => ({ text, node: parseMatcher(text) })),
  );
}

/** The operands of an operator at the top level of an expression; the expression itself if it is of another kind. */
function splitBy(operator: string, expression: string): string[] {
  const text = expression.trim();
  const outline = blankNested(text);
  if (/^\( *\)$/.test(outline)) return splitBy(operator, text.slice(1, -1));
  const { type, operator: own } = parseMatcher(text);
  if (type !== 'LogicalExpression' || own !== operator) return [text];
  const ends = [...outline.matchAll(operator === '||' ? /\|\|/g : /&&/g)].map(({ index }) => index);
  const starts = [0, ...ends.map((end) => end + operator.length)];
  return starts.flatMap((start, index) => splitBy(operator, text.slice(start, ends[index])));
}

/** A text of the same length, with blanks for all that is in quotes or between brackets. */
function blankNested(text: string): string {
  let [outline, depth, quote] = ['', 0, ''];
  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at);
    const isOutside = quote === '';
    if (quote !== '') {
      if (character === '\\') outline += text.charAt(++at) && ' ';
      else if (character === quote) quote = '';
    } else if (character === '"' || character === "'") quote = character;
    else if (/[)\]]/.test(character)) depth -= 1;
    outline += isOutside && quote === '' && depth === 0 ? character : ' ';
    if (isOutside && /[([]/.test(character)) depth += 1;
  }
  return outline;
}

/** A call of a role definition: `g(r.x, p.y)`, or `g(r.x, p.y, r.domain)`. */
export type RoleCall = Extract<Conjunct, { kind: 'inherits' }>;

/** Every such call in a matcher, at any place. */
export function roleCalls(matcher: string): RoleCall[] {
  return collectConjuncts(matcher).filter((conjunct) => conjunct.kind === 'inherits');
}

/** Every comparison that could be a conjunct, at any place of a matcher. */
export function collectConjuncts(matcher: string): Conjunct[] {
  return walk(parseMatcher(matcher)).flatMap((node) => readConjunct(node) ?? []);
}

/** The request values in all other calls of role definitions, such as `g(p.x, r.y)`, each with the definition. */
export function otherRoleCalls(matcher: string): Pick<RoleCall, 'ptype' | 'request'>[] {
  return walk(parseMatcher(matcher)).flatMap((node) => {
    const call = readCall(node);
    if (call === null || !isRoleDefinition(call.name) || readConjunct(node) !== null) return [];
    return walk(call.given)
      .flatMap((given) => identifier(given) ?? [])
      .filter((name) => name.startsWith('r_'))
      .map((name) => ({ ptype: call.name, request: name.slice(2) }));
  });
}

/**
 * The leading conjuncts that limit which rules can take part at all.
 *
 * There are none if the matcher evaluates texts of rules, which may contain anything, also errors. If a role definition
 * is called more than once and its calls can be confused, the conjuncts from its first call on are left out.
 *
 * @param isWithoutCommas called if a role definition is called more than once: returns whether no request, or no rule,
 *   has a value with a comma
 */
export function limitingConjuncts(matcher: string, isWithoutCommas: () => boolean): Conjunct[] {
  if (evaluatesRules(matcher)) return [];
  const conjuncts = leadingConjuncts(matcher);
  const unsafe = conjuncts.findIndex(
    (conjunct) => conjunct.kind === 'inherits' && mayConfuse(matcher, conjunct, isWithoutCommas),
  );
  return unsafe === -1 ? conjuncts : conjuncts.slice(0, unsafe);
}

/**
 * Whether Casbin makes the text of each rule a part of the matcher. Casbin looks for `eval(…)` in the text of the
 * matcher, also inside of a string.
 */
export function evaluatesRules(matcher: string): boolean {
  return Util.hasEval(matcher) || collectCalls(matcher).some(({ name }) => name === 'eval');
}

/** Whether a matcher uses rules at all. If not, Casbin names the first rule as the one that decided, and none did. */
export function usesRules(matcher: string): boolean {
  return matcher.includes('p_');
}

/**
 * Casbin remembers the answers of a role definition by its arguments, joined with commas. When it is called more than
 * once, also for another rule, Casbin may use the answer to `g("a", "b,c")` for `g("a,b", "c")`.
 */
function mayConfuse(matcher: string, { ptype, domain }: RoleCall, isWithoutCommas: () => boolean): boolean {
  const count = collectCalls(matcher).filter(({ name }) => name === ptype).length;
  if (count === 1) return false;
  // If each call has the same domain, and a value of the request before the rule's, commas are needed on both sides.
  const alike = roleCalls(matcher).filter((call) => call.ptype === ptype && call.domain === domain);
  return alike.length < count || !isWithoutCommas();
}

/** The policy values that a matcher gives to a function that is not a role definition: probably patterns. */
export function patternTokens(matcher: string): string[] {
  return collectCalls(matcher)
    .filter(({ name }) => !isRoleDefinition(name))
    .flatMap(({ given }) => walk(given).flatMap((node) => identifier(node) ?? []))
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

/** A node of the syntax tree; its other properties depend on its `type`. */
export interface Node {
  readonly type: string;
  readonly [property: string]: unknown;
}

/** Parses a matcher as Casbin stores it: `.` after r and p replaced by `_`. */
export const parseMatcher = rememberLast((matcher: string): Node => {
  prepareParser();
  return { ...expressionEval.parse(Util.bracketCompatible(matcher)) };
});

/** Casbin does the same just before it compiles a matcher (5.51.1, CoreEnforcer.getExpression). */
function prepareParser(): void {
  expressionEval.addBinaryOp('in', 1, Util.customIn);
}

/** Compiles an expression to a function that evaluates it, by the names that it is given. */
export function compileExpression(expression: string): (names: object) => Promise<unknown> {
  prepareParser();
  return expressionEval.compileAsync(Util.bracketCompatible(expression));
}

/** A node and all nodes below it that are values: not the names of functions and properties. */
export function walk(node: unknown): Node[] {
  const found: Node[] = [];
  collect(node, found);
  return found;
}

function collect(node: unknown, found: Node[]): void {
  if (Array.isArray(node)) {
    for (const element of node) collect(element, found);
  }
  if (!isNode(node)) return;
  found.push(node);
  const call = readCall(node);
  if (call !== null) collect(call.given, found);
  else if (node.type === 'MemberExpression' && node.computed !== true) collect(node.object, found);
  else for (const child of Object.values(node)) collect(child, found);
}

/** A call by name, with its arguments. */
export interface Call {
  readonly name: string;
  readonly given: readonly unknown[];
}

/** Null for any other node. */
export function readCall(node: Node): Call | null {
  const name = node.type === 'CallExpression' ? identifier(node.callee) : null;
  return name !== null && Array.isArray(node.arguments) ? { name, given: node.arguments } : null;
}

/** The name, if the node is one; null for any other node. */
export function identifier(node: unknown): string | null {
  return isNode(node) && node.type === 'Identifier' && typeof node.name === 'string' ? node.name : null;
}

export function isNode(node: unknown): node is Node {
  return typeof node === 'object' && node !== null && 'type' in node;
}

/** Every name that a matcher uses as a value (`r_sub`), at any place, as often as it is there. */
export function collectNames(matcher: string): string[] {
  return walk(parseMatcher(matcher)).flatMap((node) => identifier(node) ?? []);
}

/** Every call by name in a matcher, at any place. */
export function collectCalls(matcher: string): Call[] {
  return walk(parseMatcher(matcher)).flatMap((node) => readCall(node) ?? []);
}

/** Why Casbin can't parse a matcher, or can't evaluate what its parser accepts; null if it can. */
export function findParseFault(matcher: string): string | null {
  try {
    for (const node of walk(parseMatcher(matcher))) {
      if (node.type === 'Compound') return 'two expressions follow each other without an operator';
      if ('operator' in node && !operandsOf(node).every(isNode)) return `"${node.operator}" lacks an operand`;
    }
    return null;
  } catch (error) {
    return reasonOf(error);
  }
}

function operandsOf(node: Node): unknown[] {
  return 'argument' in node ? [node.argument] : [node.left, node.right];
}
