import { describe, expect, test } from 'vitest';
import { InvalidOptionsError } from '../../src/errors.ts';
import { requireStorable } from '../../src/tables/refusals.ts';

function problemsOf(rules: readonly unknown[]): string[] {
  try {
    requireStorable(Object(rules));
    return [];
  } catch (error) {
    if (error instanceof InvalidOptionsError)
      return error.problems.map(({ at, message }) => `${at}: ${message}`);
    throw error;
  }
}

describe('rules that JavaScript callers give', () => {
  test('are refused with their place, all at once', () => {
    expect(
      problemsOf([
        { ptype: 'p', values: ['a'] },
        { ptype: 7, values: ['a'] },
        { ptype: 'p', values: 'a, b' },
        { ptype: 'p', values: [] },
        { ptype: 'p', values: ['a', 'b', 3] },
        { ptype: 'p', values: [{ deep: { er: [1, { more: 2 }] } }] },
        null,
      ]),
    ).toEqual([
      'rule 2: its ptype is 7, not a string. Give one.',
      "rule 3: is 'a, b', not a list of strings. Give one.",
      'rule 4: has no values. Give the values that the model defines.',
      'rule 5: value 3 is 3, not a string. Convert it.',
      'rule 6: value 1 is { deep: [Object] }, not a string. Convert it.',
      'rule 7: its ptype is undefined, not a string. Give one.',
    ]);
  });

  test('are looked into only where all of them hold strings', () => {
    expect(problemsOf([{ ptype: 'p', values: ['a\0'] }])).toHaveLength(1);
    expect(
      problemsOf([
        { ptype: 'p', values: ['a\0'] },
        { ptype: 'p', values: [] },
      ]),
    ).toEqual(['rule 2: has no values. Give the values that the model defines.']);
    expect(problemsOf([{ ptype: 'p', values: ['', 'a'] }])).toEqual([]);
    expect(problemsOf([])).toEqual([]);
  });
});
