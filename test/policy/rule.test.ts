import { expect, it } from 'vitest';
import { formatRule, ruleKey } from '../../src/policy/rule.ts';

it.each([
  [['readonly', 'accounts', 'read'], 'p, readonly, accounts, read'],
  [['say hi', 'data/1', '*'], 'p, say hi, data/1, *'],
  [['a,b', ' admin', 'a"b'], 'p, "a,b", " admin", "a\\"b"'],
  [['', 'two\nlines', 'a\ud83d'], 'p, "", "two\\nlines", "a\\ud83d"'],
])('shows %j so that its values can be told apart', (values, text) => {
  expect(formatRule({ ptype: 'p', values })).toBe(text);
});

it('gives two rules one key only when they are equal', () => {
  const rules = [['a', 'b'], ['a,b'], ['a, b'], ['a', 'b', ''], ['"a"', 'b'], ['a","b'], []];
  const keys = rules.flatMap((values) => [ruleKey({ ptype: 'p', values }), ruleKey({ ptype: 'p2', values })]);
  expect(new Set(keys).size).toBe(rules.length * 2);
  expect(ruleKey({ ptype: 'g', values: ['a', 'b'] })).toBe(ruleKey({ ptype: 'g', values: ['a', 'b'] }));
});
