import { newModelFromString } from 'casbin';
import { describe, expect, test } from 'vitest';
import { buildInMemoryEnforcer } from '../../src/casbin/enforcer.ts';
import { LiveRules } from '../../src/running/live-rules.ts';
import { modelText } from '../casbin/models.fixture.ts';

const MANY = 150_000;

const inDomains = modelText({
  r: 'sub, dom, obj',
  p: 'sub, obj',
  g: ['g = _, _, _'],
  m: 'g(r.sub, p.sub, r.dom) && r.obj == p.obj',
});

/** @param lines rules, ptype first */
async function rulesOf(text: string, lines: readonly string[][] = []): Promise<LiveRules> {
  const rules = new LiveRules((await buildInMemoryEnforcer(newModelFromString(text), [])).getModel());
  rules.apply(lines.map(([ptype = '', ...values]) => ({ ptype, values, rows: 1 })));
  return rules;
}

describe('one subject with very many rules that only a pattern tells apart', () => {
  test.each(['r.sub == p.sub && ', ''])('they are found, added and removed: %s…', async (bySubject) => {
    const text = modelText({ r: 'sub, obj', p: 'sub, obj', m: `${bySubject}keyMatch(r.obj, p.obj)` });
    const rules = await rulesOf(text);
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

describe('a decision', () => {
  test('is left to Casbin once many rules of one subject are gone', async () => {
    const all = Array.from({ length: 40 }, (_, n) => ['alice', 'data', 'read', `note ${n}`]);
    const text = modelText({ p: 'sub, obj, act, note' });
    const rules = await rulesOf(
      text,
      all.map((values) => ['p', ...values]),
    );
    expect(rules.decide(['alice', 'data', 'read'])).toEqual(all[0]);
    rules.apply(all.map((values) => ({ ptype: 'p', values, rows: -1 })));
    expect(rules.decide(['alice', 'data', 'read'])).toBeUndefined();
  });

  test('is by the values one by one, not by their text together', async () => {
    const rules = await rulesOf(modelText(), [['p', 'alice', 'ab', 'c']]);
    expect(rules.decide(['alice', 'ab', 'c'])).toEqual(['alice', 'ab', 'c']);
    expect(rules.decide(['alice', 'a', 'bc'])).toBeNull();
  });

  test('is left to Casbin where a model calls a role definition twice', async () => {
    const text = modelText({
      r: 'sub, obj',
      p: 'sub, obj',
      m: 'r.sub == p.sub && g(r.sub, p.sub) && g(r.obj, p.obj)',
    });
    const rules = await rulesOf(text, [['p', 'a', 'a']]);
    expect(rules.decide(['a', 'a'])).toBeUndefined();
  });

  test('is by role and domain, not by their text together', async () => {
    const rules = await rulesOf(inDomains, [
      ['g', 'alice', 'ab', 'c'],
      ['p', 'ab', 'x'],
      ['p', 'a', 'x'],
    ]);
    expect(rules.decide(['alice', 'c', 'x'])).toEqual(['ab', 'x']);
    expect(rules.decide(['alice', 'bc', 'x'])).toBeNull();
  });

  test('is right after questions about more domains than are remembered', async () => {
    const rules = await rulesOf(inDomains, [
      ['g', 'alice', 'user', 'last'],
      ['p', 'user', 'x'],
    ]);
    const others = Array.from({ length: 10_000 }, (_, n) => rules.decide(['alice', `domain${n}`, 'x']));
    expect(new Set(others)).toEqual(new Set([null]));
    expect(rules.decide(['alice', 'last', 'x'])).toEqual(['user', 'x']);
  });

  test('is by the first of the rules that allow, also among many', async () => {
    const rules = await rulesOf(modelText(), [
      ...Array.from({ length: 20 }, (_, n) => ['p', `role${n}`, 'x', 'read']),
      ...[9, 3, 12].map((n) => ['g', 'alice', `role${n}`]),
    ]);
    expect(rules.decide(['alice', 'x', 'read'])).toEqual(['role3', 'x', 'read']);
    expect(rules.find(['alice', 'x', 'read']).map(([role]) => role)).toEqual(['role3', 'role9', 'role12']);
  });
});

describe('a removed rule', () => {
  const remove = (rules: LiveRules, [ptype = '', ...values]: string[], rows = 1) =>
    rules.apply([{ ptype, values, rows: -rows }]);

  test('allows nothing any more, also where it was one of many', async () => {
    const many = Array.from({ length: 20 }, (_, n) => ['p', `role${n}`, 'x', 'read']);
    const rules = await rulesOf(modelText(), [...many, ['g', 'alice', 'role3']]);
    expect(rules.list('p')).toHaveLength(20);
    remove(rules, ['p', 'role3', 'x', 'read']);
    expect(rules.decide(['alice', 'x', 'read'])).toBeNull();
    expect(rules.list('p')).toHaveLength(19);
    for (const line of many) if (line[1] !== 'role3') remove(rules, line);
    // Now only Casbin can tell.
    expect(rules.decide(['alice', 'x', 'read'])).toBeUndefined();
  });

  test('leaves the other rule of its subject, where the rules of many subjects differ in a pattern', async () => {
    const rules = await rulesOf(modelText({ m: 'r.sub == p.sub && keyMatch(r.obj, p.obj)' }), [
      ...Array.from({ length: 20 }, (_, n) => ['p', `user${n}`, '/a', 'read']),
      ['p', 'alice', '/a', 'read'],
      ['p', 'alice', '/b', 'read'],
    ]);
    remove(rules, ['p', 'alice', '/a', 'read']);
    expect(rules.find(['alice', '/b', 'read'])).toEqual([['alice', '/b', 'read']]);
  });

  test('of a domain links there no more, and elsewhere as before', async () => {
    const links = ['one', 'two'].map((domain) => ['g', 'alice', 'user', domain]);
    const rules = await rulesOf(inDomains, [...links, ['p', 'user', 'x']]);
    remove(rules, ['g', 'alice', 'user', 'one']);
    expect(rules.decide(['alice', 'one', 'x'])).toBeNull();
    expect(rules.decide(['alice', 'two', 'x'])).toEqual(['user', 'x']);
  });

  test('stays as long as one of its rows', async () => {
    const line = ['p', 'alice', 'x', 'read'];
    const rules = await rulesOf(modelText(), [line, line]);
    expect(() => remove(rules, line, 3)).toThrow('a rule was removed that was not there');
    remove(rules, line);
    expect(rules.decide(['alice', 'x', 'read'])).toEqual(['alice', 'x', 'read']);
  });
});

test('rules are listed in the order in which they were added', async () => {
  const lines = ['x', 'y', 'x'].map((resource, n) => ['p', `role${n}`, resource, 'read']);
  expect((await rulesOf(modelText(), lines)).list('p')).toEqual(lines.map(([, ...values]) => values));
});

test('a rule is looked for by its values one by one, also among many of a subject', async () => {
  const rules = await rulesOf(modelText({ m: 'r.sub == p.sub && keyMatch(r.obj, p.obj)' }), [
    ...Array.from({ length: 40 }, (_, n) => ['p', 'alice', `/files/${n}`, 'read']),
    ['p', 'alice', 'ab', 'c'],
    ['p', 'alice', 'a,b', 'c'],
  ]);
  const has = (...values: string[]) => rules.has({ ptype: 'p', values: ['alice', ...values] });
  expect([has('ab', 'c'), has('a,b', 'c')]).toEqual([true, true]);
  expect([has('a', 'bc'), has('a', 'b,c')]).toEqual([false, false]);
  const gone = { ptype: 'p', values: ['alice', 'a', 'bc'], rows: -1 };
  expect(() => rules.apply([gone])).toThrow('a rule was removed that was not there: p, alice, a, bc');
});

test('a role in one domain is not one in another, also after both were asked for', async () => {
  const rules = await rulesOf(inDomains, [
    ['p', 'clerk', 'data'],
    ['g', 'alice', 'clerk', 'acme'],
  ]);
  const change = (domain: string, rows: number) =>
    rules.apply([{ ptype: 'g', values: ['alice', 'clerk', domain], rows }]);
  const answers = () =>
    ['acme', 'umbrella', 'acme', 'umbrella'].map(
      (domain) => rules.decide(['alice', domain, 'data']) !== null,
    );
  expect(answers()).toEqual([true, false, true, false]);
  change('umbrella', 1);
  expect(answers()).toEqual([true, true, true, true]);
  change('acme', -1);
  expect(answers()).toEqual([false, true, false, true]);
});
