import { type Call, identifier, isNode, parseMatcher, readCall, walk } from './matcher-syntax.ts';

/** Names that a matcher uses as values (`r_sub`), and those that it calls (`keyMatch`), in order. */
export interface MatcherNames {
  readonly values: readonly string[];
  readonly calls: readonly { readonly name: string; readonly argumentCount: number }[];
}

/** Collects every name that a matcher uses. Throws what the parser throws. */
export function collectNames(matcher: string): MatcherNames {
  const nodes = [...walk(parseMatcher(matcher))];
  return {
    values: nodes.flatMap((node) => identifier(node) ?? []),
    calls: collectCalls(matcher).map(({ name, given }) => ({ name, argumentCount: given.length })),
  };
}

/** Every call by name in a matcher, wherever it stands. */
export function collectCalls(matcher: string): Call[] {
  return [...walk(parseMatcher(matcher))].flatMap((node) => readCall(node) ?? []);
}

/** What Casbin's parser lets pass and its evaluator can't use; null when there is nothing of that. */
export function findParseFault(matcher: string): string | null {
  for (const node of walk(parseMatcher(matcher))) {
    if (node.type === 'Compound') return 'two expressions stand side by side without an operator';
    if ('operator' in node && 'left' in node && !(isNode(node.left) && isNode(node.right))) {
      return `"${node.operator}" lacks an operand`;
    }
  }
  return null;
}
