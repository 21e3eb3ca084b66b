import { newModelFromString } from 'casbin';
import { expect, test } from 'vitest';
import { toRule } from '../../src/policy/rule.ts';
import { RuleSet } from '../../src/policy/rule-set.ts';
import type { Answer } from '../../src/verification/decide.ts';
import { explainer } from '../../src/verification/explain-answer.ts';
import { modelText } from '../casbin/models.fixture.ts';
import { rule, rulesOf } from './verify.fixture.ts';

const TWO_DEFINITIONS = { g: ['g = _, _', 'g2 = _, _'] };
const DOMAINS = {
  ...{ r: 'sub, dom, obj', p: 'sub, dom, obj', g: ['g = _, _, _'] },
  m: 'g(r.sub, p.sub, r.dom) && r.dom == p.dom && r.obj == p.obj',
};

/** How it is explained that a rule allows a request. The rows are numbered from 1. */
function explain(
  lines: readonly string[],
  request: string,
  by: string,
  {
    defined = lines,
    answer = {},
    ...changes
  }: Parameters<typeof modelText>[0] & { defined?: readonly string[]; answer?: Partial<Answer> } = {},
) {
  const stored = lines.map((line, index) => ({ ...toRule(rule(line)), id: index + 1 }));
  const known = new RuleSet(rulesOf(defined));
  const [, ...values] = rule(by);
  return explainer(
    newModelFromString(modelText(changes)),
    stored,
    known,
  )(rule(request), {
    ...{ allowed: true, rule: values, error: null },
    ...answer,
  });
}

test('the defined one of several ways to a role is told', () => {
  const defined = ['p, user, data, read', 'g, boss, staff', 'g, staff, user'];
  const stored = [...defined, 'g, boss, user'];
  expect(explain(stored, 'boss, data, read', 'p, user, data, read', { defined })).toMatchObject({
    rolePath: ['boss', 'staff', 'user'],
    ids: [1, 2, 3],
    added: [],
  });
});

test('all rows of a rule that is stored several times are told', () => {
  const lines = [
    'g, eve, user',
    'p, user, data, read',
    'g, bob, user',
    'g, eve, user',
    'p, user, data, read',
  ];
  expect(explain(lines, 'eve, data, read', 'p, user, data, read').ids).toEqual([2, 5, 1, 4]);
});

test('a row that is written as the link is told, not one with values that Casbin cuts off', () => {
  const [permission, link, longer] = ['p, user, data, read', 'g, eve, user', 'g, eve, user, since 2020'];
  const ids = (...lines: string[]) => explain(lines, 'eve, data, read', permission).ids;
  expect(ids(permission, link, longer)).toEqual([1, 2]);
  expect(ids(permission, longer, link)).toEqual([1, 3]);
  expect(ids(permission, longer)).toEqual([1, 2]);
});

test('an error is told also where the matcher uses no rule', () => {
  const answer = { allowed: false, rule: [], error: 'out of order' };
  const { reason } = explain(['p, user, data, read'], 'eve, data, read', 'p', { m: 'fits(r.sub)', answer });
  expect(reason).toBe('Casbin throws: out of order');
});

test('the way of the subject is told, by the role definition that has one', () => {
  const lines = ['p, user, docs, read', 'g2, eve, user', 'g, page, docs'];
  const first = 'g(r.sub, p.sub) && r.obj == p.obj || g2(r.sub, p.sub) && r.obj == p.obj';
  const byRole = explain(lines, 'eve, docs, read', 'p, user, docs, read', { ...TWO_DEFINITIONS, m: first });
  expect(byRole.rolePath).toEqual(['eve', 'user']);
  const resourceFirst = 'g(r.obj, p.obj) && g2(r.sub, p.sub)';
  const byBoth = explain(lines, 'eve, page, read', 'p, user, docs, read', {
    ...TWO_DEFINITIONS,
    m: resourceFirst,
  });
  expect(byBoth).toMatchObject({ rolePath: ['eve', 'user'], ids: [1, 3, 2] });
});

test('a link of another role definition is not followed', () => {
  const m = 'g(r.sub, p.sub) && g2(r.obj, p.obj)';
  const lines = ['p, user, docs, read', 'g2, eve, user'];
  expect(
    explain(lines, 'eve, docs, read', 'p, user, docs, read', { ...TWO_DEFINITIONS, m }).rolePath,
  ).toEqual([]);
});

test('a way that only a role manager of the application follows is told in full', () => {
  const links = Array.from({ length: 11 }, (_, level) => `g, level${level}, level${level + 1}`);
  const by = 'p, level11, data, read';
  expect(explain([by, ...links], 'level0, data, read', by).rolePath).toHaveLength(12);
});

test('a link without a domain does not lead on in the domain without a name', () => {
  const by = 'p, admin, , data';
  const lines = [by, 'g, bob, admin, ', 'g, eve, admin'];
  expect(explain(lines, 'bob, , data', by, DOMAINS).rolePath).toEqual(['bob', 'admin']);
  expect(explain(lines, 'eve, , data', by, DOMAINS).rolePath).toEqual([]);
});
