import type { Model } from 'casbin';
import { getOrAdd, rememberLast } from '../collections.ts';
import type { Rule } from '../policy/rule.ts';
import { identifier, isNode, parseMatcher, readCall, walk } from './matcher.ts';
import { textsOf } from './model.ts';

/** A call of a function in a matcher. */
interface PatternCall {
  readonly name: string;
  /** The second argument, or the first one of `eval`. */
  readonly pattern: unknown;
  /** With one of these values, a rule is decided before the call: by `p.act == "*" || regexMatch(r.act, p.act)`. */
  readonly sparing: readonly StatedValue[];
}

/** A value beside its name, as Casbin stores it: `p_act`. */
interface StatedValue {
  readonly name: string;
  readonly value: string;
}

/** The calls in the matchers of functions whose name `isMeant`. */
export function callsOf(model: Model, isMeant: (name: string) => boolean): PatternCall[] {
  return textsOf(model, 'm')
    .flatMap((matcher) => callsIn(matcher))
    .filter(({ name }) => isMeant(name));
}

/** All calls of a matcher. Remembers the last matcher: the stored rules need it after the definition. */
export const callsIn = rememberLast(readCalls);

function readCalls(matcher: string): PatternCall[] {
  try {
    return collectReached(parseMatcher(matcher), []);
  } catch {
    return []; // the lint of the model tells why it can't be parsed
  }
}

function collectReached(node: unknown, sparing: readonly StatedValue[]): PatternCall[] {
  if (isNode(node) && node.type === 'LogicalExpression') {
    const { left, right, operator } = node;
    const decided = valuesMaking(operator === '||', left);
    return [...collectReached(left, sparing), ...collectReached(right, [...sparing, ...decided])];
  }
  return walk(node).flatMap((one) => {
    const call = readCall(one);
    if (call === null) return [];
    // Casbin puts the text of a rule into the matcher before it evaluates anything.
    if (call.name === 'eval') return [{ name: call.name, pattern: call.given[0], sparing: [] }];
    return [{ name: call.name, pattern: call.given[1], sparing }];
  });
}

/** The values of rules with any of which an expression is true, or false, whatever the request is. */
function valuesMaking(outcome: boolean, node: unknown): StatedValue[] {
  if (!isNode(node)) return [];
  const { type, operator, argument, left, right } = node;
  if (type === 'UnaryExpression' && operator === '!') return valuesMaking(!outcome, argument);
  if (type === 'LogicalExpression' && operator === (outcome ? '||' : '&&'))
    return [...valuesMaking(outcome, left), ...valuesMaking(outcome, right)];
  const call = readCall(node);
  // Any text matches * there, also an empty one (casbin 5.51.1, keyMatch).
  if (outcome && call?.name === 'keyMatch') return stated(identifier(call.given[1]), '*');
  if (type !== 'BinaryExpression' || operator !== (outcome ? '==' : '!=')) return [];
  const name = identifier(left) ?? identifier(right);
  const [value] = [left, right].flatMap((side) =>
    isNode(side) && side.type === 'Literal' ? [side.value] : [],
  );
  return stated(name, value);
}

function stated(name: string | null, value: unknown): StatedValue[] {
  return name !== null && typeof value === 'string' ? [{ name, value }] : [];
}

/** Where rules have a pattern for a function of a matcher. */
interface PatternPlace {
  readonly name: string;
  readonly ptype: string;
  readonly position: number;
  /** Rules that have one of these values are decided before that call; at -1 is what no rule has. */
  readonly sparing: readonly { readonly position: number; readonly value: string }[];
}

/** The positions of values in rules that matchers give to such functions as a pattern. */
export function patternPlaces(model: Model, isMeant: (name: string) => boolean): PatternPlace[] {
  return placesOf(model, callsOf(model, isMeant));
}

function placesOf(model: Model, calls: readonly PatternCall[]): PatternPlace[] {
  return calls.flatMap(({ name, pattern, sparing }) => {
    const value = identifier(pattern) ?? '';
    const ptype = value.split('_', 1)[0] ?? '';
    const tokens = model.model.get('p')?.get(ptype)?.tokens ?? [];
    const position = tokens.indexOf(value);
    if (position === -1) return [];
    const positions = sparing.map((one) => ({ position: tokens.indexOf(one.name), value: one.value }));
    return [{ name, ptype, position, sparing: positions }];
  });
}

/**
 * Creates a function that returns whether a part of a matcher, evaluated alone, makes a call for a rule that the whole
 * matcher decides before it. The pattern of such a rule was not refused, whatever that call does with it.
 */
export function sparedCallTest(model: Model): (part: string, rule: Rule) => boolean {
  const inMatcher = patternPlaces(model, () => true).filter(({ sparing }) => sparing.length > 0);
  const known = new Map<string, PatternPlace[]>();
  return (part, rule) => {
    if (inMatcher.length === 0) return false;
    const places = getOrAdd(known, part, () => placesOf(model, readCalls(part)));
    return places.some(
      (place) =>
        patternAt(place, rule) !== null &&
        inMatcher.some(
          (one) =>
            one.name === place.name && one.position === place.position && patternAt(one, rule) === null,
        ),
    );
  };
}

/** The pattern that a rule has at a place; null where it has none, or is decided before the call. */
export function patternAt({ ptype, position, sparing }: PatternPlace, rule: Rule): string | null {
  if (rule.ptype !== ptype || sparing.some((one) => rule.values[one.position] === one.value)) return null;
  return rule.values[position] ?? null;
}

/**
 * Creates a function that returns the first fault of a rule's patterns for such functions; null if there is none. It
 * remembers the fault of each pattern, because many rules may have the same one.
 *
 * @param findFault returns why a function can't use a pattern, or does not use it as it is meant; null if it can
 */
export function faultFinder(
  model: Model,
  isMeant: (name: string) => boolean,
  findFault: (name: string, pattern: string) => string | null,
): (rule: Rule) => string | null {
  const places = patternPlaces(model, isMeant);
  const known = new Map<string, string | null>();
  return (rule) => {
    for (const place of places) {
      const { name } = place;
      const text = patternAt(place, rule);
      if (text === null) continue;
      const fault = getOrAdd(known, `${name} ${text}`, () => findFault(name, text));
      if (fault !== null) return fault;
    }
    return null;
  };
}
