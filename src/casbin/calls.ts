import type { Model } from 'casbin';
import { rememberLast } from '../collections.ts';
import { identifier, parseMatcher, readCall, walk } from './matcher.ts';

/** The calls of such functions in the matchers, with their pattern: the second argument, and of `eval` the first. */
export function callsOf(
  model: Model,
  isMeant: (name: string) => boolean,
): { name: string; pattern: unknown }[] {
  return [...(model.model.get('m')?.values() ?? [])]
    .flatMap(({ value }) => callsIn(value))
    .filter(({ name }) => isMeant(name));
}

/**
 * All calls of a matcher. Remembers the last one, as it is parsed for the definition and again for the stored rules.
 */
export const callsIn = rememberLast((matcher: string) => {
  try {
    return walk(parseMatcher(matcher))
      .flatMap((node) => readCall(node) ?? [])
      .map(({ name, given }) => ({ name, pattern: given[name === 'eval' ? 0 : 1] }));
  } catch {
    return []; // the lint of the model tells why it can't be parsed
  }
});

/** The positions in rules of the patterns that matchers give to such functions. */
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
