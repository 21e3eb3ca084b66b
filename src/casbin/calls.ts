import type { Model } from 'casbin';
import { rememberLast } from '../collections.ts';
import type { Rule } from '../policy/rule.ts';
import { collectCalls, identifier } from './matcher.ts';
import { textsOf } from './model.ts';

/**
 * The calls in the matchers of functions whose name `isMeant`, each with its pattern: the second argument, or the first
 * one of `eval`.
 */
export function callsOf(
  model: Model,
  isMeant: (name: string) => boolean,
): { name: string; pattern: unknown }[] {
  return textsOf(model, 'm')
    .flatMap((matcher) => callsIn(matcher))
    .filter(({ name }) => isMeant(name));
}

/** All calls of a matcher, as above. Remembers the last matcher: the stored rules need it after the definition. */
export const callsIn = rememberLast((matcher: string) => {
  try {
    return collectCalls(matcher).map(({ name, given }) => ({
      name,
      pattern: given[name === 'eval' ? 0 : 1],
    }));
  } catch {
    return []; // the lint of the model tells why it can't be parsed
  }
});

/** The positions of values in rules that matchers give to such functions as a pattern. */
export function patternPlaces(
  model: Model,
  isMeant: (name: string) => boolean,
): { name: string; ptype: string; position: number }[] {
  return callsOf(model, isMeant).flatMap(({ name, pattern }) => {
    const value = identifier(pattern);
    const ptype = value?.split('_', 1)[0] ?? '';
    const position =
      model.model
        .get('p')
        ?.get(ptype)
        ?.tokens.indexOf(value ?? '') ?? -1;
    return position === -1 ? [] : [{ name, ptype, position }];
  });
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
  return ({ ptype, values }) => {
    for (const { name, ptype: own, position } of places) {
      const text = values[position];
      if (own !== ptype || text === undefined) continue;
      const key = `${name} ${text}`;
      const before = known.get(key);
      const fault = before === undefined ? findFault(name, text) : before;
      known.set(key, fault);
      if (fault !== null) return fault;
    }
    return null;
  };
}
