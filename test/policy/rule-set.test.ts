import fc from 'fast-check';
import { expect, test } from 'vitest';
import { HashTable, hashText } from '../../src/collections.ts';
import { ruleKey } from '../../src/policy/rule.ts';
import { isSamePolicy, RuleSet } from '../../src/policy/rule-set.ts';

/** Few texts, and such as are the same once they are joined. */
const value = fc.constantFrom('', 'a', 'b', 'ab', 'a,b', '"', '\u0000', '\ud800', 'ä');
const rule = fc.record({
  ptype: fc.constantFrom('p', 'g', 'g2'),
  values: fc.array(value, { minLength: 1, maxLength: 4 }),
});
const rules = fc.array(rule, { maxLength: 40 });

test('a rule is found at its first position, and nothing else is found', () => {
  fc.assert(
    fc.property(rules, rules, (given, asked) => {
      const keys = given.map(ruleKey);
      const set = new RuleSet(given);
      for (const one of [...given, ...asked]) {
        expect(set.indexOf(one)).toBe(keys.indexOf(ruleKey(one)));
        expect(set.has(one)).toBe(keys.includes(ruleKey(one)));
        expect(set.allOf(one)).toEqual(given.filter((other) => ruleKey(other) === ruleKey(one)));
      }
    }),
  );
});

test('a set without others has the rules that they do not have', () => {
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

/** Rules that a careless comparison would take for one another. */
const ALIKE = [
  { ptype: 'p', values: ['a', 'b'] },
  { ptype: 'g', values: ['a', 'b'] },
  { ptype: 'p', values: ['a', 'c'] },
  { ptype: 'p', values: ['c', 'b'] },
  { ptype: 'p', values: ['a', 'b', 'c'] },
  { ptype: 'p', values: ['a'] },
];

test('rules are the same by ptype, number and each of their values', () => {
  for (const [at, one] of ALIKE.entries()) {
    for (const [index, other] of ALIKE.entries()) {
      expect(isSamePolicy([one], [{ ...other, values: [...other.values] }])).toBe(at === index);
    }
  }
  const [values, others] = [['a'], ['b']];
  expect(isSamePolicy([{ ptype: 'p', values }], [{ ptype: 'p', values }])).toBe(true);
  expect(isSamePolicy([{ ptype: 'p', values }], [{ ptype: 'g', values }])).toBe(false);
  expect(isSamePolicy([{ ptype: 'p', values }], [{ ptype: 'p', values: others }])).toBe(false);
  expect(isSamePolicy([], ALIKE)).toBe(false);
  expect(isSamePolicy(ALIKE, [])).toBe(false);
});

test('texts with the same hash are distinguished', () => {
  const [one, other] = collision();
  const set = new RuleSet([
    { ptype: 'p', values: [one] },
    { ptype: 'p', values: ['x'] },
  ]);
  expect(set.indexOf({ ptype: 'p', values: [other] })).toBe(-1);
  expect(set.indexOf({ ptype: 'p', values: [one] })).toBe(0);
  expect(set.allOf({ ptype: 'p', values: [other] })).toEqual([]);
  expect(set.without([{ ptype: 'p', values: [other] }])).toEqual(set.rules);
});

/** Two values that make two rules of one hash; among some hundred thousand there are. */
function collision(): [string, string] {
  const seen = new Map<number, string>();
  for (let n = 0; ; n++) {
    const hash = hashText(`v${n}`, hashText('p'));
    const before = seen.get(hash);
    if (before !== undefined) return [before, `v${n}`];
    seen.set(hash, `v${n}`);
  }
}
