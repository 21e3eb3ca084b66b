import { newModelFromString } from 'casbin';
import { describe, expect, test } from 'vitest';
import { buildInMemoryEnforcer } from '../../src/casbin/enforcer.ts';
import { LiveRules } from '../../src/running/live-rules.ts';
import { modelText } from '../verification/verify.fixture.ts';

const MANY = 150_000;

describe('one subject with very many rules that only a pattern tells apart', () => {
  test.each(['r.sub == p.sub && ', ''])('they are found, added and removed: %s…', async (bySubject) => {
    const text = modelText({ r: 'sub, obj', p: 'sub, obj', m: `${bySubject}keyMatch(r.obj, p.obj)` });
    const rules = new LiveRules((await buildInMemoryEnforcer(newModelFromString(text), [])).getModel());
    const all = Array.from({ length: MANY }, (_, n) => ['alice', `/files/${n}/*`]);
    const change = (values: string[], rows: number) => rules.apply([{ ptype: 'p', values, rows }]);
    rules.apply(all.map((values) => ({ ptype: 'p', values, rows: 1 })));
    change(['alice', '/files/7/*'], 1);
    change(['alice', '/files/7/*'], -1);
    change(['alice', '/files/8/*'], -1);
    change(['alice', '/late'], 1);

    const left = [...all.filter(([, file]) => file !== '/files/8/*'), ['alice', '/late']];
    expect(rules.find(['alice', '/files/9/a'])).toEqual(left);
    expect(rules.list('p')).toEqual(left);
    expect(rules.has({ ptype: 'p', values: ['alice', '/files/7/*'] })).toBe(true);
    expect(rules.has({ ptype: 'p', values: ['alice', '/files/8/*'] })).toBe(false);
    rules.apply(left.map((values) => ({ ptype: 'p', values: values as string[], rows: -1 })));
    expect(rules.any).toBeNull();
  });
});

test('a role in one domain is none in another, also after both were asked for', async () => {
  const fields = 'sub, dom, obj';
  const m = 'g(r.sub, p.sub, r.dom) && r.dom == p.dom && r.obj == p.obj';
  const text = modelText({ r: fields, p: fields, g: ['g = _, _, _'], m });
  const rules = new LiveRules((await buildInMemoryEnforcer(newModelFromString(text), [])).getModel());
  const change = (ptype: string, values: string[], rows: number) => rules.apply([{ ptype, values, rows }]);
  const decide = (domain: string) => rules.decide(['alice', domain, 'data'])?.[1] ?? null;
  const answers = () => ['acme', 'umbrella', 'acme', 'umbrella'].map(decide);
  for (const domain of ['acme', 'umbrella']) change('p', ['clerk', domain, 'data'], 1);
  change('g', ['alice', 'clerk', 'acme'], 1);
  expect(answers()).toEqual(['acme', null, 'acme', null]);
  change('g', ['alice', 'clerk', 'umbrella'], 1);
  expect(answers()).toEqual(['acme', 'umbrella', 'acme', 'umbrella']);
  change('g', ['alice', 'clerk', 'acme'], -1);
  expect(answers()).toEqual([null, 'umbrella', null, 'umbrella']);
});

test('rules are listed in the order in which they came, until they go', async () => {
  const text = modelText({ r: 'sub, obj', p: 'sub, obj', m: 'g(r.sub, p.sub) && r.obj == p.obj' });
  const rules = new LiveRules((await buildInMemoryEnforcer(newModelFromString(text), [])).getModel());
  const permissions = [
    ['alice', 'data'],
    ['alice', 'logs'],
    ['bob', 'data'],
  ];
  const links = [
    ['carol', 'alice'],
    ['dave', 'alice'],
    ['carol', 'bob'],
  ];
  for (const values of permissions) rules.apply([{ ptype: 'p', values, rows: 1 }]);
  for (const values of links) rules.apply([{ ptype: 'g', values, rows: 1 }]);
  expect(rules.list('p')).toEqual(permissions);
  expect(rules.list('g')).toEqual(links);
  rules.apply([{ ptype: 'p', values: ['alice', 'data'], rows: -1 }]);
  expect(rules.list('p')).toEqual(permissions.slice(1));
});

test('rules whose values read alike when they follow each other are not confused', async () => {
  const fields = 'sub, obj, act';
  const m = 'g(r.sub, p.sub, r.obj) && r.obj == p.obj && r.act == p.act';
  const text = modelText({ r: fields, p: fields, g: ['g = _, _, _'], m });
  const rules = new LiveRules((await buildInMemoryEnforcer(newModelFromString(text), [])).getModel());
  rules.apply([{ ptype: 'p', values: ['alice', 'data1', 'read'], rows: 1 }]);
  expect(rules.decide(['alice', 'data1', 'read'])).toEqual(['alice', 'data1', 'read']);
  expect(rules.decide(['alice', 'data', '1read'])).toBeNull();
  rules.apply([{ ptype: 'g', values: ['bob', 'clerk', '1st'], rows: 1 }]);
  expect(rules.has({ ptype: 'g', values: ['bob', 'clerk', '1st'] })).toBe(true);
  expect(rules.has({ ptype: 'g', values: ['bob', 'clerk1', 'st'] })).toBe(false);
});

test('without a rule, only Casbin can tell: it compares requests with empty values', async () => {
  const text = modelText({ r: 'sub, obj', p: 'sub, obj', m: 'r.sub == p.sub && r.obj == p.obj' });
  const rules = new LiveRules((await buildInMemoryEnforcer(newModelFromString(text), [])).getModel());
  const all = Array.from({ length: 20 }, (_, n) => ({ ptype: 'p', values: [`user ${n}`, 'data'] }));
  expect(rules.decide(['', ''])).toBeUndefined();
  rules.apply(all.map((rule) => ({ ...rule, rows: 1 })));
  expect(rules.decide(['', ''])).toBeNull();
  rules.apply(all.map((rule) => ({ ...rule, rows: -1 })));
  expect(rules.decide(['', ''])).toBeUndefined();
});
