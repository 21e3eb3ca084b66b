import { newModelFromString } from 'casbin';
import { describe, expect, test } from 'vitest';
import {
  asWritten,
  collectCalls,
  collectNames,
  findParseFault,
  isPlainConjunction,
  isRoleDefinition,
  leadingConjuncts,
  limitingConjuncts,
  patternTokens,
  roleCalls,
  splitMatcher,
} from '../../src/casbin/matcher.ts';
import { linkedTokens } from '../../src/casbin/scope.ts';
import { modelText } from './models.fixture.ts';

// As Casbin stores matchers: with `_` for the dot.
const RBAC = 'g(r_sub, p_sub) && r_obj == p_obj && r_act == p_act';

/** Conjuncts as short texts: `obj=obj`, `g:sub>sub`, `g:sub>sub@dom`. */
function shown(conjuncts: ReturnType<typeof leadingConjuncts>): string[] {
  return conjuncts.map((one) =>
    one.kind === 'equal'
      ? `${one.request}=${one.policy}`
      : `${one.ptype}:${one.request}>${one.policy}${one.domain === null ? '' : `@${one.domain}`}`,
  );
}

test.each([
  ['g', true],
  ['g2', true],
  ['g12', true],
  ['gg', false],
  ['ag', false],
  ['g2a', false],
  ['keyMatch', false],
])('%s is the name of a role definition: %s', (name, is) => {
  expect(isRoleDefinition(name)).toBe(is);
});

describe('the leading conjuncts of a matcher', () => {
  test.each<[string, string[]]>([
    [RBAC, ['g:sub>sub', 'obj=obj', 'act=act']],
    ['p_obj == r_obj && g2(r_sub, p_role, r_dom)', ['obj=obj', 'g2:sub>role@dom']],
    ['(r_sub == p_sub && r_obj == p_obj) && r_act == p_act', ['sub=sub', 'obj=obj', 'act=act']],
    ['r_sub == p_sub && keyMatch(r_obj, p_obj) && r_act == p_act', ['sub=sub']],
    ['keyMatch(r_obj, p_obj) && r_sub == p_sub', []],
    ['r_sub == p_sub || r_obj == p_obj', []],
    ['r_sub != p_sub', []],
    ['r_sub == "admin"', []],
    ['r_sub == r_obj', []],
    ['p_sub == p_obj', []],
    ['g(p_sub, r_sub)', []],
    ['g(r_sub, r_obj)', []],
    ['g(r_sub, "admin")', []],
    ['g("admin", p_sub)', []],
    ['g(r_sub, p_sub, p_dom)', []],
    ['g(r_sub, p_sub, "one")', []],
    ['h(r_sub, p_sub)', []],
    ['r_sub.g(r_sub, p_sub)', []],
    ['r_sub', []],
    ['!g(r_sub, p_sub)', []],
  ])('of %s are %j', (matcher, conjuncts) => {
    expect(shown(leadingConjuncts(matcher))).toEqual(conjuncts);
  });

  test('limit what can match, but where the text of a rule may become a part of the matcher', () => {
    expect(shown(limitingConjuncts(RBAC, () => true))).toEqual(['g:sub>sub', 'obj=obj', 'act=act']);
    expect(limitingConjuncts(`${RBAC} && eval(p_rule)`, () => true)).toEqual([]);
  });
});

test.each([
  [RBAC, true],
  ['r_sub == p_sub', true],
  ['r_sub == p_sub && r_obj != p_obj', false],
  ['r_sub == p_sub || r_obj == p_obj', false],
  ['keyMatch(r_obj, p_obj)', false],
])('%s is nothing but comparisons: %s', (matcher, plain) => {
  expect(isPlainConjunction(matcher)).toBe(plain);
});

test('calls of role definitions are found at any place', () => {
  const matcher =
    '(g(r_sub, p_sub) || keyMatch(r_obj, p_obj)) && !(g2(r_obj, p_obj, r_dom) == true) && r_act == p_act';
  expect(shown(roleCalls(matcher))).toEqual(['g:sub>sub', 'g2:obj>obj@dom']);
});

test('values of rules that a function is called with are patterns', () => {
  expect(patternTokens(RBAC)).toEqual([]);
  expect(
    patternTokens('keyMatch(r_obj, p_obj) && regexMatch(r_act, lower(p_act)) && p_sub == r_sub'),
  ).toEqual(['obj', 'act', 'act']);
});

describe('what role links may be followed from', () => {
  test.each<[string, string[] | null]>([
    [RBAC, ['sub']],
    ['g(r_sub, p_sub) && g2(r_obj, p_obj)', ['sub', 'obj']],
    ['g(p_sub, r_sub)', null],
    ['g("everyone", p_sub) && r_obj == p_obj', null],
    ['g(lower(r_sub), p_sub) && g2(r_obj, p_obj)', null],
    ['keyMatch(r_obj, p_obj)', []],
    ['g(r_sub, p_sub) && eval(p_rule)', null],
  ])('in %s is %j', (matcher, tokens) => {
    const text = modelText({
      r: 'sub, obj, act, dom',
      p: 'sub, obj, act, rule',
      g: ['g = _, _', 'g2 = _, _'],
      m: matcher.replaceAll(/\b([rp])_/g, '$1.'),
    });
    expect(linkedTokens(newModelFromString(text))).toEqual(tokens);
  });
});

describe('the names of a matcher', () => {
  test('are values and calls, in order; not the names of properties and functions', () => {
    const matcher = 'g(r_sub, p_sub) && r_obj.owner == p_obj && r_obj[p_key] in (a, "b") && f() && !c';
    const names = ['r_sub', 'p_sub', 'r_obj', 'p_obj', 'r_obj', 'p_key', 'a', 'c'];
    expect(collectNames(matcher)).toEqual(names);
    expect(collectCalls(matcher).map(({ name, given }) => [name, given.length])).toEqual([
      ['g', 2],
      ['f', 0],
    ]);
  });

  test('of a call on a value are that value and the arguments', () => {
    expect(collectNames('r_obj.has(p_obj)')).toEqual(['p_obj', 'r_obj']);
    expect(collectCalls('r_obj.has(p_obj)')).toEqual([]);
  });
});

test.each([
  [RBAC, null],
  ['r_sub == p_sub r_obj', 'two expressions follow each other without an operator'],
  ['r_sub == p_sub, r_obj', 'two expressions follow each other without an operator'],
  ['r_sub == (p_sub', 'Unclosed ( at character 15'],
])('a matcher that Casbin can not use has a reason: %s: %s', (matcher, fault) => {
  expect(findParseFault(matcher)).toBe(fault);
});

test('a text is shown as it is written in the model, whatever number its definitions have', () => {
  expect(asWritten('r_sub == p_sub && g(r2_sub, p12_sub) && user_p_x')).toBe(
    'r.sub == p.sub && g(r2.sub, p12.sub) && user_p_x',
  );
});

test.each([
  ['r_a == p_a && r_b == p_b || r_c == p_c', [['r_a == p_a', 'r_b == p_b'], ['r_c == p_c']]],
  ['(r_a == p_a || r_b == p_b)', [['r_a == p_a'], ['r_b == p_b']]],
  ['((r_a == p_a) && (r_b == "||" && f(r_a || r_b)))', [['r_a == p_a', 'r_b == "||"', 'f(r_a || r_b)']]],
  [
    'r_a == "\\" || " || f(["(", r_a && r_b]) && r_c',
    [['r_a == "\\" || "'], ['f(["(", r_a && r_b])', 'r_c']],
  ],
])('the matcher %s has the conditions of each alternative', (matcher, texts) => {
  expect(splitMatcher(matcher).map((all) => all.map(({ text }) => text))).toEqual(texts);
});
