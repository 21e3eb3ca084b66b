import { newModelFromString } from 'casbin';
import { describe, expect, test } from 'vitest';
import { findUnusableRules, usabilityCheck } from '../../src/casbin/rule-usability.ts';
import { modelText } from './models.fixture.ts';

describe('a rule', () => {
  test.each([
    ['an address range', (ptype: string) => `ipMatch(r.obj, ${ptype}.obj)`, '10.0.0.0/33'],
    ['a pattern', (ptype: string) => `regexMatch(r.obj, ${ptype}.obj)`, '('],
    ['a condition', (ptype: string) => `eval(${ptype}.obj)`, 'r.sub =='],
  ])('has %s only where a matcher takes it from rules of its ptype', (_, matcherOf, value) => {
    const p = 'sub, obj, act\np2 = sub, obj, act';
    const faultyIn = (m: string) => {
      const findFault = usabilityCheck(newModelFromString(modelText({ p, m })));
      return ['p', 'p2'].filter((ptype) => findFault({ ptype, values: ['alice', value, 'read'] }) !== null);
    };
    expect(faultyIn(matcherOf('p'))).toEqual(['p']);
    expect(faultyIn(`r.sub == p.sub\nm2 = ${matcherOf('p2')}`)).toEqual(['p2']);
  });
});

test('a condition is a part of the matcher before anything is decided, so it must be one in any case', () => {
  const m = 'r.sub == p.sub && (p.obj == "any of" || eval(p.obj))';
  const findFault = usabilityCheck(newModelFromString(modelText({ m })));
  expect(findFault({ ptype: 'p', values: ['alice', 'any of', 'read'] })).toContain(
    'has the condition "any of"',
  );
});

describe('a priority that is not a number', () => {
  test.each([
    ['priority(p.eft) || deny', ['priority']],
    ['subjectPriority(p.eft) || deny', ['priority']],
    ['some(where (p.eft == allow))', []],
  ])('under %s is told: %j', (e, faulty) => {
    const findFault = usabilityCheck(newModelFromString(modelText({ p: 'sub, obj, act, eft, priority', e })));
    const fault = findFault({ ptype: 'p', values: ['alice', 'data', 'read', 'allow', 'high'] });
    expect(fault === null ? [] : [fault]).toEqual(faulty.map((name) => expect.stringContaining(name)));
  });

  test('is told once for a rule that each tenant has', () => {
    const model = newModelFromString(
      modelText({ p: 'priority, sub, obj', e: 'priority(p.eft) || deny', m: 'r.sub == p.sub' }),
    );
    const rule = { ptype: 'p', values: ['high', 'alice', 'data'], at: 'policy.domains' };
    expect(findUnusableRules(model, [rule, { ...rule, tenant: 1 }])).toHaveLength(1);
  });
});
