import {
  createScanner,
  type Node,
  type ParseError,
  parseTree,
  printParseErrorCode,
  type SyntaxKind,
} from 'jsonc-parser';
import type { Problem } from '../errors.ts';
import { reasonOf } from '../text.ts';
import {
  type Locate,
  locator,
  MAX_DEPTH,
  type Parsed,
  recordPlaces,
  refuseTooDeep,
  syntaxProblem,
} from './place.ts';

/**
 * Reads JSON, without comments and trailing commas. The value of an empty text is null, as in YAML. Never throws: what
 * is wrong is in `problems`.
 */
export function parseJson(file: string, text: string): Parsed {
  if (text.trim() === '') return { value: null, problems: [] };
  const locate = locator(file, text);
  const tooDeep = findDeepValue(text);
  if (tooDeep !== null) return refuseTooDeep(locate(tooDeep));
  const errors: ParseError[] = [];
  const tree = parseTree(text, errors, { disallowComments: true });
  try {
    const value: unknown = JSON.parse(text);
    return { value, problems: tree === undefined ? [] : recordNode(tree, value, locate) };
  } catch (error) {
    const found = firstOfEachLine(text, errors).map(({ error: code, offset }) =>
      syntaxProblem(
        locate(offset),
        `this is not JSON: ${inWords(printParseErrorCode(code))}.${remedyAt(text, offset)}`,
      ),
    );
    const otherwise = syntaxProblem(file, `this is not JSON: ${reasonOf(error)}.`);
    return { value: undefined, problems: found.length > 0 ? found : [otherwise] };
  }
}

/** By the numbers of the library: its enum exists for the compiler only. */
const TOKEN = {
  openBrace: 1,
  closeBrace: 2,
  openBracket: 3,
  closeBracket: 4,
  endOfFile: 17,
} satisfies Record<string, SyntaxKind>;

/** The place of the first value that is nested too deep; the parser calls itself for each level. */
function findDeepValue(text: string): number | null {
  const scanner = createScanner(text, true);
  let depth = 0;
  for (let token = scanner.scan(); token !== TOKEN.endOfFile; token = scanner.scan()) {
    if (token === TOKEN.closeBrace || token === TOKEN.closeBracket) depth -= 1;
    if (token === TOKEN.openBrace || token === TOKEN.openBracket) depth += 1;
    if (depth > MAX_DEPTH) return scanner.getTokenOffset();
  }
  return null;
}

/** Records the places of everything below a node; returns the keys that are there twice. */
function recordNode(node: Node, value: unknown, locate: Locate): Problem[] {
  if (typeof value !== 'object' || value === null) return [];
  const places = new Map<string, string>();
  recordPlaces(value, locate(node.offset), places);
  return (node.children ?? []).flatMap((child, index) => {
    const [keyNode, entryNode] = node.type === 'object' ? (child.children ?? []) : [undefined, child];
    const key = keyNode === undefined ? String(index) : String(keyNode.value);
    const at = locate(child.offset);
    const twice = places.has(key)
      ? [syntaxProblem(at, `duplicate key: ${JSON.stringify(key)} is already at ${places.get(key)}.`)]
      : [];
    places.set(key, at);
    const entry: unknown = Object.getOwnPropertyDescriptor(value, key)?.value;
    return [...twice, ...(entryNode === undefined ? [] : recordNode(entryNode, entry, locate))];
  });
}

/** Only the first error, because one mistake causes several; the errors are in order. */
function firstOfEachLine(text: string, errors: readonly ParseError[]): ParseError[] {
  return errors.filter(({ offset }, index) => {
    const before = errors[index - 1];
    return before === undefined || text.slice(before.offset, offset).includes('\n');
  });
}

/** What to do about what other languages allow. */
function remedyAt(text: string, offset: number): string {
  const found = text.charAt(offset);
  if (found === "'") return ' Write texts in double quotes.';
  if (found === '/' || found === '#') return ' Remove the comment.';
  const isComma = (found === '}' || found === ']') && text.slice(0, offset).trimEnd().endsWith(',');
  return isComma ? ' Remove the comma before it.' : '';
}

/** `PropertyNameExpected` → `property name expected`. */
function inWords(name: string): string {
  return name.replaceAll(/\B[A-Z]/g, ' $&').toLowerCase();
}
