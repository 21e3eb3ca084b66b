import { newModelFromString } from 'casbin';
import { describe, expect, test } from 'vitest';
import { reachableScope, sliceScope } from '../../src/casbin/scope.ts';
import { modelText } from '../verification/verify.fixture.ts';

const RULES = [
  { ptype: 'p', values: ['viewer', 'data', 'read'] },
  { ptype: 'g', values: ['clerk', 'viewer'] },
];
const REQUESTS = [
  ['alice', 'bob'],
  ['data', 'logs'],
  ['read', 'write'],
];

function scopeOf(text: string, rules = RULES, requests = REQUESTS) {
  const scope = reachableScope(newModelFromString(text), rules, (position) => requests[position] ?? []);
  return scope.kind === 'whole' ? 'whole' : { names: scope.names.toSorted(), bySubject: scope.bySubject };
}

describe('what decisions can depend on', () => {
  test('is what subjects of requests and of rules reach', () => {
    const names = ['alice', 'bob', 'clerk', 'viewer'];
    expect(scopeOf(modelText())).toEqual({ names, bySubject: true });
    expect(scopeOf(modelText({ m: 'r.sub == p.sub && r.obj == p.obj' }))).toEqual({ names, bySubject: true });
  });

  test('is what resources reach too, where they have roles', () => {
    const text = modelText({ g: ['g = _, _', 'g2 = _, _'], m: 'g(r.sub, p.sub) && g2(r.obj, p.obj)' });
    expect(scopeOf(text)).toEqual({
      names: ['alice', 'bob', 'clerk', 'data', 'logs', 'viewer'],
      bySubject: true,
    });
  });

  test.each([
    'r.obj == p.obj && r.act == p.act',
    'g(r.sub, p.sub) || r.obj == p.obj',
    'keyMatch(r.obj, p.obj) && g(r.sub, p.sub)',
  ])('is each p rule where the matcher does not begin with the subject: %s', (m) => {
    expect(scopeOf(modelText({ m }))).toMatchObject({ bySubject: false });
  });

  test('is each p rule where another matcher does not begin with the subject', () => {
    const p = 'sub, obj, act\np2 = sub, obj';
    expect(scopeOf(modelText({ p }))).toMatchObject({ bySubject: true });
    const m = 'g(r.sub, p.sub)\nm2 = r.obj == p2.obj';
    expect(scopeOf(modelText({ p, m }))).toMatchObject({ bySubject: false });
  });

  test.each(['g(r.sub, p.sub) && eval(p.obj)', 'g(r.sub, p.sub) || g("everyone", p.sub)', 'g(p.sub, r.sub)'])(
    'is the whole policy where links may be followed from anything: %s',
    (m) => {
      expect(scopeOf(modelText({ m }))).toBe('whole');
    },
  );

  test('is each p rule where they have a priority, by which Casbin sorts all of them', () => {
    const text = modelText({ p: 'priority, sub, obj, act, eft', e: 'priority(p.eft) || deny' });
    const m = 'r.sub == p.sub && r.obj == p.obj';
    expect(scopeOf(text)).toMatchObject({ bySubject: false });
    expect(scopeOf(modelText({ p: 'sub, priority, obj', m }))).toMatchObject({ bySubject: false });
    expect(scopeOf(modelText({ p: 'sub, prio, obj', m }))).toMatchObject({ bySubject: true });
  });

  test('is the whole policy where links have more places than Casbin can load', () => {
    const m = 'g(r.sub, p.sub) && r.obj == p.obj';
    expect(scopeOf(modelText({ g: ['g = _, _, _'], m }))).not.toBe('whole');
    expect(scopeOf(modelText({ g: ['g = _, _, _, _'], m }))).toBe('whole');
    expect(scopeOf(modelText({ g: ['g = _, _', 'g2 = _, _, _, _'], m }))).toBe('whole');
  });

  test('is the whole policy where the hierarchy of subjects decides', () => {
    const text = modelText({ p: 'sub, obj, act, eft', e: 'subjectPriority(p.eft) || deny' });
    expect(scopeOf(text)).toBe('whole');
  });
});

test.each([
  ['are limited by subject and domain', {}, { bySubject: true, domainAt: 1 }],
  ['are not limited with a priority', { p: 'sub, dom, obj, priority' }, { bySubject: false, domainAt: null }],
  [
    'are limited only by their first value',
    { m: 'g(r.sub, p.obj, r.dom) && r.dom == p.dom' },
    { bySubject: false, domainAt: 1 },
  ],
  [
    'are not limited after two calls that commas may confuse',
    { m: 'g(r.sub, p.sub, r.dom) && r.dom == p.dom && g(r.sub, p.obj, r.dom)' },
    { bySubject: false, domainAt: null },
  ],
])('the p rules of a part %s', (_, changes, limit) => {
  const m = 'g(r.sub, p.sub, r.dom) && r.dom == p.dom && r.obj == p.obj';
  const text = modelText({ r: 'sub, dom, obj', p: 'sub, dom, obj', g: ['g = _, _, _'], m, ...changes });
  const [subject, domain] = ['sub', 'dom'].map((token) => ({ token, names: ['any'] }));
  const scope = sliceScope(newModelFromString(text), subject ?? null, domain ?? null);
  expect(scope.kind === 'slice' && scope.limits.get('p')).toEqual(limit);
});
