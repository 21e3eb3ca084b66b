import { Composer, type CST, Parser, type YAMLError } from 'yaml';
import type { Problem } from '../errors.ts';
import { locator, MAX_DEPTH, type Parsed } from './parsed.ts';
import { resolveAliases } from './yaml-aliases.ts';
import { buildYamlValue } from './yaml-value.ts';

/** Reads YAML 1.2, with anchors, aliases and merge keys. Never throws: what is wrong is in `problems`. */
export function parseYaml(file: string, text: string): Parsed {
  const locate = locator(file, text);
  const tokens = [...new Parser().parse(text)];
  // The composer calls itself for each level.
  const tooDeep = findTooDeep(tokens);
  if (tooDeep !== null) return refused(locate(tooDeep), `this is nested over ${MAX_DEPTH} levels deep.`);
  // Its own search for duplicate keys compares each with each.
  const [document, second] = [
    ...new Composer({ merge: true, uniqueKeys: false }).compose(tokens, true, text.length),
  ];
  if (document === undefined) return refused(file, 'this is not YAML.');
  const problems = [...document.errors, ...document.warnings].map((error) => describe(error, locate));
  if (second !== undefined) {
    problems.push(
      syntaxProblem(locate(second.range[0]), 'a second document begins here. Keep one in the file.'),
    );
  }
  if (second !== undefined || document.errors.length > 0) return { value: undefined, problems };
  const aliases = resolveAliases(document, locate);
  if (aliases.problems.length > 0) return { value: undefined, problems: [...problems, ...aliases.problems] };
  const { value, problems: inKeys } = buildYamlValue(document, aliases.sources, locate);
  return { value, problems: [...problems, ...inKeys] };
}

/** Where the first node stands that is nested too deep. */
function findTooDeep(tokens: readonly CST.Token[]): number | null {
  const pending = tokens.map((token) => ({ token, depth: 0 }));
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { token, depth } = next;
    if (depth > MAX_DEPTH) return token.offset;
    if (token.type === 'document' && token.value !== undefined) pending.push({ token: token.value, depth });
    if (!('items' in token)) continue;
    for (const { key, value } of token.items) {
      for (const inner of [key, value]) if (inner) pending.push({ token: inner, depth: depth + 1 });
    }
  }
  return null;
}

function describe({ message, pos }: YAMLError, locate: (offset: number) => string): Problem {
  return syntaxProblem(locate(pos[0]), `${message.replace(/\.$/, '')}.`);
}

function refused(at: string, message: string): Parsed {
  return { value: undefined, problems: [syntaxProblem(at, message)] };
}

function syntaxProblem(at: string, message: string): Problem {
  return { code: 'POLICY_SYNTAX', at, message };
}
