import { newModelFromString } from 'casbin';
import { describe, expect, test } from 'vitest';
import { findParseFault, limitingConjuncts, otherRoleCalls } from '../../src/casbin/matcher.ts';
import { reachableScope } from '../../src/casbin/scope.ts';
import { modelText } from './models.fixture.ts';

test.each<[string, { ptype: string; request: string }[]]>([
  ['g(p_sub, r_sub) && g2(lower(r_obj), p_obj)', ['g:sub', 'g2:obj'].map(toCall)],
  ['g(r_sub, r_dom) || g(r_obj, "all")', ['g:sub', 'g:dom', 'g:obj'].map(toCall)],
  ['g(r_sub, p_sub) && g2(r_obj, p_obj, r_dom)', []],
  ['keyMatch(r_obj, p_obj) && p_r_ == r_sub && lower(g)', []],
  ['g("a", p_sub_r_)', []],
])('role definitions are called in other ways in %s: %j', (matcher, calls) => {
  expect(otherRoleCalls(matcher)).toEqual(calls);
});

function toCall(text: string) {
  const [ptype = '', request = ''] = text.split(':');
  return { ptype, request };
}

describe('a role definition that is called more than once', () => {
  const limits = (matcher: string, isWithoutCommas: boolean) =>
    limitingConjuncts(matcher, () => isWithoutCommas).map(({ policy }) => policy);

  test.each<[string, string[]]>([
    ['r_act == p_act && g(r_sub, p_sub) && g(r_obj, p_obj)', ['act']],
    ['r_act == p_act && g(r_sub, p_sub, r_dom) && g(r_obj, p_obj, r_dom)', ['act']],
    ['g2(r_act, p_act) && g(r_sub, p_sub) && g(r_obj, p_obj)', ['act']],
  ])('limits what can match only where no commas can confuse its calls: %s', (matcher, others) => {
    expect(limits(matcher, false)).toEqual(others);
    expect(limits(matcher, true)).toEqual(['act', 'sub', 'obj']);
  });

  test.each([
    'r_act == p_act && g(r_sub, p_sub) && g(r_obj, p_obj, r_dom)',
    'r_act == p_act && g(r_sub, p_sub, r_dom) && g(r_obj, p_obj)',
    'r_act == p_act && g(r_sub, p_sub) && (g(p_obj, r_obj) || r_obj == p_obj)',
  ])('limits nothing where its calls are not alike: %s', (matcher) => {
    expect(limits(matcher, true)).toEqual(['act']);
  });

  test('limits what can match, also with calls of another role definition', () => {
    expect(limits('g(r_sub, p_sub) && g2(r_obj, p_obj) && g2(r_act, p_act)', false)).toEqual(['sub']);
    expect(limits('g(r_sub, p_sub) && g2(r_obj, p_obj)', false)).toEqual(['sub', 'obj']);
  });

  test('limits which rules are read by subject, where no value of a request has a comma', () => {
    const model = newModelFromString(modelText({ m: 'g(r.sub, p.sub) && g(r.obj, p.obj)' }));
    const scopeOf = (requests: string[][]) =>
      reachableScope(model, [{ ptype: 'p', values: ['viewer'] }], (at) => requests[at] ?? []);
    expect(scopeOf([['alice', 'bob'], ['data']])).toEqual({
      kind: 'reachable',
      names: ['viewer', 'alice', 'bob', 'data'],
      bySubject: true,
    });
    expect(
      scopeOf([
        ['alice', 'bob'],
        ['data', 'x,y'],
      ]),
    ).toMatchObject({ bySubject: false });
    expect(scopeOf([['alice'], ['data'], [',']])).toMatchObject({ bySubject: false });
  });
});

test.each(['eval (p_rule)', 'r_obj != "eval(p_rule)"'])(
  'nothing is limited where the text of a rule may become a part of the matcher: %s',
  (conjunct) => {
    const matcher = `g(r_sub, p_sub) && ${conjunct}`;
    expect(limitingConjuncts(matcher, () => true)).toEqual([]);
  },
);

test.each<[string, string | null]>([
  ['&& r_sub', '"&&" lacks an operand'],
  ['r_obj == p_obj && (== p_sub)', '"==" lacks an operand'],
  ['r_obj in p_obj || (|| p_sub)', '"||" lacks an operand'],
  ['!', '"!" lacks an operand'],
  ['r_sub == p_sub && !', '"!" lacks an operand'],
  ['r_sub == -', '"-" lacks an operand'],
  ['!g(r_sub, p_sub) && -r_age < p_age', null],
])('an operator without an operand is reported: %s', (matcher, fault) => {
  expect(findParseFault(matcher)).toBe(fault);
});
