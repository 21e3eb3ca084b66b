import { FunctionMap, type Model, Util } from 'casbin';
import { getOrAdd } from '../collections.ts';
import { type Problem, StoredRuleError } from '../errors.ts';
import type { DefinedRule } from '../policy/compile.ts';
import { formatText, type Rule } from '../policy/rule.ts';
import { reasonOf } from '../text.ts';
import type { RowId } from '../verification-report.ts';
import { callsOf, faultFinder, patternAt, patternPlaces } from './calls.ts';
import { isNode } from './matcher.ts';
import type { RowSource, StoredRule } from './rule-row.ts';

/**
 * The regular expressions that Casbin makes from the second argument of its functions (casbin 5.51.1,
 * builtinOperators), simplified. keyMatch and ipMatch make none.
 */
const EXPRESSIONS = new Map<string, (pattern: string) => string>([
  ['regexMatch', (pattern) => pattern],
  ['globMatch', expandGlob],
  ...['keyMatch2', 'keyGet2', 'keyMatch3', 'keyMatch4', 'keyMatch5'].map(
    (name) => [name, (pattern: string) => pattern.replaceAll('/*', '/.*')] as const,
  ),
]);

/** How a parameter of a path begins, and what Casbin replaces, until the pattern has no such beginning any more. */
interface PathParameter {
  readonly start: string;
  readonly parameter: RegExp;
}

const COLON: PathParameter = { start: '/:', parameter: /(.*):[^/]+(.*)/g };
const BRACES: PathParameter = { start: '/{', parameter: /(.*){[^/]+}(.*)/g };

/** By the functions that take such patterns (casbin 5.51.1, builtinOperators). */
const PATH_PARAMETERS = new Map<string, PathParameter>([
  ...['keyMatch2', 'keyGet2'].map((name) => [name, COLON] as const),
  ...['keyMatch3', 'keyMatch4', 'keyMatch5'].map((name) => [name, BRACES] as const),
]);

/**
 * Why Casbin never finishes reading a pattern: it has a `/:` without a name, or a `/{` that is not closed, which Casbin
 * tries to replace again and again. Null for any other pattern.
 */
function findEndlessLoop(name: string, pattern: string): string | null {
  const path = PATH_PARAMETERS.get(name);
  if (path === undefined) return null;
  let text = pattern.replaceAll('/*', '/.*');
  while (text.includes(path.start)) {
    const replaced = text.replace(path.parameter, '$1[^/]+$2');
    if (replaced === text) return `${name} tries for ever to replace "${path.start}", which is incomplete`;
    text = replaced;
  }
  return null;
}

/** In a glob, only `+(…)` and `*(…)` repeat a part that may match in several ways. */
function expandGlob(pattern: string): string {
  return pattern.replace(
    /([+*])\(([^()]*)\)/g,
    (_, times: string, body: string) => `(?:${body.replaceAll('*', '[^/]*')})${times}`,
  );
}

/** Finds patterns of the definition and of the matchers that may block the process forever. */
export async function findHangingPatterns(model: Model, rules: readonly DefinedRule[]): Promise<Problem[]> {
  const patterns = [...literalPatterns(model), ...patternsOf(model, rules)];
  const describe = ({ text, rule }: Pattern<DefinedRule | null>) =>
    `pattern ${formatText(text)}${rule === null ? ' of a matcher' : ''}`;
  const hanging = await findHanging(patterns);
  return [
    ...patterns.flatMap((pattern): Problem[] => {
      const reason = findEndlessLoop(pattern.name, pattern.text);
      if (reason === null) return [];
      const message = `Casbin never finishes reading ${describe(pattern)}: ${reason}. ${ENDLESS_REMEDY}.`;
      return [{ code: 'PATTERN_ENDLESS', at: pattern.rule?.at ?? 'model', message }];
    }),
    ...hanging.map((pattern): Problem => {
      const message = `${describe(pattern)} may take for ever to compare with a text that almost matches. Rewrite it so that a repeated part can match a text in one way only.`;
      return { code: 'PATTERN_BACKTRACKS', at: pattern.rule?.at ?? 'model', message };
    }),
  ];
}

/**
 * Refuses such stored patterns before any decision uses them, because nothing can interrupt a decision.
 *
 * @throws StoredRuleError
 */
export async function refuseHangingPatterns(
  model: Model,
  rules: readonly (Rule & Partial<StoredRule>)[],
  source?: RowSource,
): Promise<void> {
  const patterns = patternsOf(model, rules);
  const endless = patterns.filter(({ name, text }) => findEndlessLoop(name, text) !== null);
  const backtracking = await findHanging(patterns);
  const messages = [
    describeStored('Casbin never finishes reading some stored patterns', endless, ENDLESS_REMEDY, source),
    describeStored(
      'Stored patterns may take for ever to compare with a text that almost matches',
      backtracking,
      'Rewrite them so that a repeated part can match a text in one way only',
      source,
    ),
  ];
  const found = [...endless, ...backtracking];
  if (found.length > 0) throw new StoredRuleError(messages.filter(Boolean).join('. '), idsOf(found));
}

const ENDLESS_REMEDY = 'Complete each parameter: "/:" needs a name, and "/{" needs a name and "}"';

/** Names the first ten patterns; empty if there are none. */
function describeStored(
  fault: string,
  patterns: readonly StoredPattern[],
  remedy: string,
  source: RowSource | undefined,
): string {
  if (patterns.length === 0) return '';
  const list = patterns
    .slice(0, 10)
    .map(({ text, rule }) => `${rule.id === undefined ? '' : `id ${rule.id}: `}${formatText(text)}`);
  const rows = source === undefined ? '.' : `: ${source.selectRows(idsOf(patterns).slice(0, 10))}`;
  const more = patterns.length > list.length ? `; and ${patterns.length - list.length} more` : '';
  return `${fault}, so no decision was made with them (${list.join('; ')}${more}). Nothing was changed. ${remedy}, or delete these rows${rows}`;
}

function idsOf(patterns: readonly StoredPattern[]): RowId[] {
  return [...new Set(patterns.flatMap(({ rule }) => rule.id ?? []))];
}

/**
 * Creates a function that returns why Casbin can't decide on a rule: a function of the matcher throws on its pattern,
 * for example on an invalid regular expression, or never finishes reading it. Null for a rule without such a pattern.
 */
export function patternCheck(model: Model): (rule: Rule) => string | null {
  return faultFinder(model, isPattern, (name, pattern) =>
    describeRefused(name, pattern, findEndlessLoop(name, pattern) ?? findThrown(name, pattern)),
  );
}

/**
 * The same for patterns on which a function throws. Patterns that Casbin never finishes reading are another problem.
 */
export function thrownPatternCheck(model: Model): (rule: Rule) => string | null {
  return faultFinder(model, isPattern, (name, pattern) =>
    describeRefused(name, pattern, findThrownByPattern(name, pattern)),
  );
}

/** Why a function throws on a pattern; null if it does not, or never finishes reading it, or takes none. */
export function findThrownByPattern(name: string, pattern: string): string | null {
  return isPattern(name) && findEndlessLoop(name, pattern) === null ? findThrown(name, pattern) : null;
}

function isPattern(name: string): boolean {
  return EXPRESSIONS.has(name) || name === 'ipMatch';
}

function describeRefused(name: string, pattern: string, fault: string | null): string | null {
  return fault === null ? null : `${name} does not take the pattern ${formatText(pattern)}: ${fault}`;
}

const FUNCTIONS = FunctionMap.loadFunctionMap().getFunctions();

/** These mean themselves in a regular expression, or any character. A glob may have no more than 65,536 of them. */
const SAFE_PATTERN = /^[\w/:.-]{0,1000}$/;

function findThrown(name: string, pattern: string): string | null {
  if (name === 'ipMatch') return findRefusal(pattern);
  // To compile a regular expression takes longer than all else that is done with a rule.
  if (SAFE_PATTERN.test(pattern)) return null;
  try {
    FUNCTIONS.get(name)?.('', pattern, '');
    return null;
  } catch (error) {
    return reasonOf(error);
  }
}

/**
 * Why ipMatch does not match the addresses that a range names; null if it does. It takes any text as a mask (casbin
 * 5.51.1, ip.cidrSubnet): `10.0.0.0/33` matches every IPv4 address, and `10.0.0.0/255.0.0.0` only the first one.
 */
export function findAddressFault(range: string): string | null {
  return findMaskFault(range) ?? findRefusal(range);
}

/** Why ipMatch throws for every address; null if it does not. */
function findRefusal(range: string): string | null {
  try {
    // A wrong second argument without a mask would be printed; the first one is checked in the same way.
    if (range.split('/').length === 2) Util.ipMatchFunc('0.0.0.0', range);
    else Util.ipMatchFunc(range, '0.0.0.0');
    return null;
  } catch {
    return 'it is not an IP address';
  }
}

/** The fault of the mask alone; null for none, or without a mask. */
export function findMaskFault(range: string): string | null {
  const slash = range.indexOf('/');
  if (slash === -1) return null;
  const most = range.includes(':') ? 128 : 32;
  // Casbin reads the number without the blanks around it.
  const mask = range.slice(slash + 1).trim();
  return /^\d{1,3}$/.test(mask) && Number(mask) <= most ? null : `its mask is not a number from 0 to ${most}`;
}

type StoredPattern = Pattern<Partial<StoredRule>>;

interface Pattern<R> {
  readonly name: string;
  readonly text: string;
  readonly rule: R;
}

/** The values of rules that a matcher gives to a function as a pattern. */
function patternsOf<R extends Rule>(model: Model, rules: readonly R[]): Pattern<R>[] {
  const places = patternPlaces(model, (name) => EXPRESSIONS.has(name));
  if (places.length === 0) return [];
  return rules.flatMap((rule) =>
    places.flatMap((place) => {
      const text = patternAt(place, rule);
      return text === null ? [] : [{ name: place.name, text, rule }];
    }),
  );
}

/** The patterns in a matcher itself. */
function literalPatterns(model: Model): Pattern<null>[] {
  return callsOf(model, (name) => EXPRESSIONS.has(name)).flatMap(({ name, pattern }) => {
    const text = isNode(pattern) && pattern.type === 'Literal' ? pattern.value : null;
    return typeof text === 'string' ? [{ name, text, rule: null }] : [];
  });
}

/**
 * Finds patterns that may take forever. Only a pattern that repeats a group can, so the checker is loaded only for
 * those.
 */
async function findHanging<P extends Pattern<unknown>>(patterns: readonly P[]): Promise<P[]> {
  const repeating = patterns.filter(({ name, text }) => repeatedGroups(expressionOf(name, text)).length > 0);
  if (repeating.length === 0) return [];
  const { isSafePattern } = await import('redos-detector');
  const known = new Map<string, boolean>();
  return repeating.filter(({ name, text }) => {
    const expression = expressionOf(name, text);
    return getOrAdd(known, expression, () => repeatedGroups(expression).some((group) => !isSafe(group)));
  });

  /** Checks each group alone: the rest of the pattern adds no exponential time, and such patterns are common. */
  function isSafe(group: string): boolean {
    try {
      return isSafePattern(`^${group}$`, { maxScore: 200, maxSteps: 5_000, downgradePattern: true }).safe;
    } catch {
      return true; // not a regular expression, or one with more than the checker knows
    }
  }
}

function expressionOf(name: string, pattern: string): string {
  return EXPRESSIONS.get(name)?.(pattern) ?? pattern;
}

/** Every group that may be repeated without end, with what repeats it: `(.+)+`. */
function repeatedGroups(expression: string): string[] {
  const starts: number[] = [];
  const groups: string[] = [];
  let inClass = false;
  for (let at = 0; at < expression.length; at++) {
    const character = expression[at];
    if (character === '\\') at++;
    else if (inClass) inClass = character !== ']';
    else if (character === '[') inClass = true;
    else if (character === '(') starts.push(at);
    else if (character === ')') {
      const start = starts.pop() ?? at;
      const times = /^(?:[*+]|\{\d+,\})/.exec(expression.slice(at + 1))?.[0];
      if (times !== undefined) groups.push(expression.slice(start, at + 1) + times);
    }
  }
  return groups;
}
