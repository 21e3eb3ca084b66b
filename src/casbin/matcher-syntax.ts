import expressionEval from '@casbin/expression-eval';
import { Util } from 'casbin';
import { rememberLast } from '../policy/remember-last.ts';

/** A node of the syntax tree; what else it has depends on its `type`. */
export interface Node {
  readonly type: string;
  readonly [property: string]: unknown;
}

/** Parses a matcher as Casbin stores it: `.` after r and p replaced by `_`. */
export const parseMatcher = rememberLast((matcher = ''): Node => {
  // As Casbin does before it compiles a matcher (5.51.1, CoreEnforcer.getExpression), and not any earlier.
  expressionEval.addBinaryOp('in', 1, Util.customIn);
  return { ...expressionEval.parse(Util.bracketCompatible(matcher)) };
});

/** A node and all below it that stand for values: not the names of functions and properties. */
export function* walk(node: unknown): Generator<Node> {
  if (Array.isArray(node)) {
    for (const element of node) yield* walk(element);
  }
  if (!isNode(node)) return;
  yield node;
  const call = readCall(node);
  if (call !== null) yield* walk(call.given);
  else if (node.type === 'MemberExpression' && node.computed !== true) yield* walk(node.object);
  else for (const child of Object.values(node)) yield* walk(child);
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

/** The name that a node stands for; null for any other node. */
export function identifier(node: unknown): string | null {
  return isNode(node) && node.type === 'Identifier' && typeof node.name === 'string' ? node.name : null;
}

export function isNode(node: unknown): node is Node {
  return typeof node === 'object' && node !== null && 'type' in node;
}
