import { isRoleDefinition, readConjunct } from './matcher.ts';
import { identifier, parseMatcher, readCall, walk } from './matcher-syntax.ts';

/** The request values that role links may be followed from; null where that can't be told. */
export function linkedTokens(matcher: string): string[] | null {
  const nodes = [...walk(parseMatcher(matcher))];
  const calls = nodes.flatMap((node) => readCall(node) ?? []);
  // The text of a rule may call anything.
  if (calls.some(({ name }) => name === 'eval')) return null;
  return nodes.flatMap((node) => {
    const conjunct = readConjunct(node);
    if (conjunct?.kind === 'inherits') return [conjunct.request];
    const call = readCall(node);
    if (call === null || !isRoleDefinition(call.name)) return [];
    return [...walk(call.given)]
      .flatMap((one) => identifier(one) ?? [])
      .filter((name) => name.startsWith('r_'))
      .map((name) => name.slice(2));
  });
}
