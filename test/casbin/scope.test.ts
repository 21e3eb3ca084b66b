import { newModelFromString } from 'casbin';
import { describe, expect, test } from 'vitest';
import { reachableScope, sliceScope } from '../../src/casbin/scope.ts';
import { modelText } from './models.fixture.ts';

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

describe('what decisions about a subject or in a domain can depend on', () => {
  /** For each ptype, whether its rules are limited by the subject, and where by the domain. */
  function limitsOf(given: Parameters<typeof modelText>[0], by: 'subject' | 'domain') {
    const [subject, domain] = [
      { token: 'sub', names: ['alice'] },
      { token: 'dom', names: ['acme'] },
    ];
    const model = newModelFromString(modelText(given));
    const scope = sliceScope(model, by === 'subject' ? subject : null, by === 'domain' ? domain : null);
    if (scope.kind === 'whole') return 'whole';
    return Object.fromEntries(
      Array.from(scope.limits, ([ptype, { bySubject, domainAt }]) => [ptype, [bySubject, domainAt]]),
    );
  }
  const DOMAINS = { r: 'sub, dom, obj', p: 'sub, dom, obj', g: ['g = _, _, _'] };
  const inDomain = (m: string) => ({ ...DOMAINS, m });

  test.each([
    ['subject', {}, { p: [true, null], g: [true, null] }],
    ['subject', { m: 'r.sub == p.sub' }, { p: [true, null], g: [true, null] }],
    ['subject', { m: 'r.sub == p.obj' }, { p: [false, null], g: [true, null] }],
    ['subject', { m: 'keyMatch(r.obj, p.obj) && g(r.sub, p.sub)' }, { p: [false, null], g: [true, null] }],
    ['subject', { m: 'g(r.sub, p.sub) && g(r.obj, p.obj)' }, { p: [false, null], g: [false, null] }],
    ['subject', { p: 'sub, priority, obj', m: 'r.sub == p.sub' }, { p: [false, null], g: [true, null] }],
    ['subject', inDomain('g(r.sub, p.sub, r.dom) && r.dom == p.dom'), { p: [true, null], g: [true, null] }],
    ['domain', inDomain('g(r.sub, p.sub, r.dom) && r.dom == p.dom'), { p: [false, 1], g: [false, 2] }],
    ['domain', inDomain('r.dom == p.dom && r.sub == p.sub'), { p: [false, 1], g: [false, null] }],
    ['domain', inDomain('g(r.sub, p.sub, r.obj) && r.obj == p.dom'), { p: [false, null], g: [false, null] }],
    [
      'domain',
      inDomain('r.dom == p.dom && g(r.sub, p.sub, r.dom) && g(r.obj, p.obj, r.sub)'),
      { p: [false, 1], g: [false, null] },
    ],
    [
      'domain',
      { ...inDomain('g2(r.dom, p.dom) && r.sub == p.sub'), g: ['g = _, _', 'g2 = _, _'] },
      { p: [false, null], g: [false, null], g2: [false, null] },
    ],
  ] as const)('by %s, of the model %j', (by, given, limits) => {
    expect(limitsOf(given as Parameters<typeof modelText>[0], by)).toEqual(limits);
  });

  test.each([
    { m: 'g(r.sub, p.sub)\nm2 = r.obj == p.obj' },
    { r: 'sub, obj\nr2 = sub', m: 'g(r.sub, p.sub)' },
    { p: 'sub, obj\np2 = obj', m: 'g(r.sub, p.sub)' },
    { m: 'g(r.sub, p.sub) || g("everyone", p.sub)' },
  ])('is the whole policy of the model %j', (given) => {
    expect(limitsOf(given, 'subject')).toBe('whole');
  });
});
