import fc from 'fast-check';
import { expect, test } from 'vitest';
import { HashTable } from '../../src/policy/hash-table.ts';
import { ruleKey } from '../../src/policy/rule.ts';
import { isSamePolicy, RuleSet } from '../../src/policy/rule-set.ts';

/** Few texts, and such as are the same once they are joined. */
const value = fc.constantFrom('', 'a', 'b', 'ab', 'a,b', '"', '\u0000', '\ud800', 'ä');
const rule = fc.record({
  ptype: fc.constantFrom('p', 'g', 'g2'),
  values: fc.array(value, { minLength: 1, maxLength: 4 }),
});
const rules = fc.array(rule, { maxLength: 40 });

test('a rule is found where it stands first, and nothing else is', () => {
  fc.assert(
    fc.property(rules, rules, (given, asked) => {
      const keys = given.map(ruleKey);
      const set = new RuleSet(given);
      for (const one of [...given, ...asked]) {
        expect(set.indexOf(one)).toBe(keys.indexOf(ruleKey(one)));
        expect(set.has(one)).toBe(keys.includes(ruleKey(one)));
      }
    }),
  );
});

test('what is without others is what they do not have', () => {
  const set = new RuleSet([
    { ptype: 'p', values: ['a', 'b'] },
    { ptype: 'g', values: ['a', 'b'] },
    { ptype: 'p', values: ['ab'] },
  ]);
  expect(set.without([{ ptype: 'p', values: ['a', 'b'] }])).toEqual(set.rules.slice(1));
  expect(set.without([])).toEqual(set.rules);
  expect(set.without(set.rules)).toEqual([]);
});

test('two policies are the same when they have the same rules in the same order', () => {
  fc.assert(
    fc.property(rules, rules, (one, other) => {
      expect(isSamePolicy(one, structuredClone(one))).toBe(true);
      expect(isSamePolicy(one, other)).toBe(JSON.stringify(one) === JSON.stringify(other));
    }),
  );
});

test('a table gives the positions of a hash in their order, whatever else is in its slot', () => {
  const table = new HashTable(Int32Array.from([7, -1, 7 + 2 ** 16, 7, 0, 7]));
  expect([...table.find(7)]).toEqual([0, 3, 5]);
  expect([...table.find(-1)]).toEqual([1]);
  expect([...table.find(8)]).toEqual([]);
  expect([...new HashTable(new Int32Array(0)).find(0)]).toEqual([]);
});
