import { describe, expect, test } from 'vitest';
import type { PolicyDefinition } from '../../src/index.ts';
import { modelText } from '../casbin/models.fixture.ts';
import { promiseOf, rule } from './verify.fixture.ts';

async function messagesOf(text: string, definition: PolicyDefinition): Promise<string[]> {
  return (await promiseOf(text, definition)).warnings.map(({ message }) => message);
}

const PATTERNS = modelText({ m: 'r.sub == p.sub && keyMatch(r.obj, p.obj) && r.act == p.act' });

describe('a warning says it in numbers', () => {
  test('where nothing follows from one rule, or from several', async () => {
    const rest = ' in this model. Write some under samples, allow, deny or never.';
    expect(await messagesOf(PATTERNS, { rules: [rule('p, ann, /a, read')] })).toEqual([
      `No decision was verified: no requests follow from the defined rule${rest}`,
    ]);
    expect(await messagesOf(PATTERNS, { rules: ['p, ann, /a, read', 'p, bob, /a, read'].map(rule) })).toEqual(
      [`No decision was verified: no requests follow from the 2 defined rules${rest}`],
    );
    expect(await messagesOf(PATTERNS, { rules: [] })).toEqual([]);
  });

  test('where several rules decided nothing, and ten of them are named', async () => {
    const samples = [rule('ann, /0, read')];
    const lines = Array.from({ length: 13 }, (_, n) => `p, ann, /${n}, read`);
    const named = lines.slice(1, 11).map((line) => `"${line}"`);
    expect(await messagesOf(PATTERNS, { rules: lines.map(rule), samples })).toEqual([
      `12 defined rules decided no request, so nothing was proved about them: ${named.join('; ')}; and 2 more. Write requests that depend on them under samples, allow, deny or never, or remove them if other rules already decide the same.`,
    ]);
    expect(await messagesOf(PATTERNS, { rules: lines.slice(0, 11).map(rule), samples })).toEqual([
      `10 defined rules decided no request, so nothing was proved about them: ${named.join('; ')}. Write requests that depend on them under samples, allow, deny or never, or remove them if other rules already decide the same.`,
    ]);
  });

  test('where a model has definitions for an EnforceContext, with rules and without', async () => {
    const text = modelText({
      r: 'sub, obj, act\nr2 = sub, obj',
      p: 'sub, obj, act\np2 = sub, obj',
      e: 'some(where (p.eft == allow))\ne2 = some(where (p.eft == allow))',
      m: 'g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act\nm2 = r2.sub == p2.sub && r2.obj == p2.obj',
    });
    const start =
      'Requests with an EnforceContext were not verified (r2, p2, e2, m2): decisions are verified by r, p, e and m.';
    const end = ' Test the others with an enforcer of your own.';
    expect(await messagesOf(text, { rules: [rule('p, ann, data, read')] })).toEqual([`${start}${end}`]);
    expect(await messagesOf(text, { rules: ['p, ann, data, read', 'p2, ann, data'].map(rule) })).toEqual([
      `${start} Nothing was proved about "p2, ann, data".${end}`,
    ]);
  });

  test('if values have a star that is compared as it is written', async () => {
    const end = 'Name the values, or match them by a function such as keyMatch(r.obj, p.obj).';
    expect(await messagesOf(modelText(), { rules: [rule('p, ann, *, read')] })).toEqual([
      `1 defined rule has a * where this model compares values as they are written, so it matches a * in the request and nothing else: "p, ann, *, read". ${end}`,
    ]);
    const lines = ['p, ann, *, read', 'p, bob, a/*, read', 'p, bob, a:*, read', 'g, *, bob'];
    expect(await messagesOf(modelText(), { rules: ['p, x, y, read', ...lines].map(rule) })).toEqual([
      `4 defined rules have a * where this model compares values as they are written, so it matches a * in the request and nothing else: ${lines.map((line) => `"${line}"`).join('; ')}. ${end}`,
    ]);
  });
});

describe('a star is no reason to warn', () => {
  test.each<[string, string, string[]]>([
    ['where a function is given it', PATTERNS, ['p, ann, /*, read']],
    [
      'where the text of a rule may look at it',
      modelText({ p: 'sub, obj, act, sub_rule', m: 'eval(p.sub_rule) && r.obj == p.obj' }),
      ['p, ann, *, read, true'],
    ],
    ['where it is a role that others have', modelText(), ['p, *, data, read', 'g, ann, *']],
    ['inside of a word', modelText(), ['p, ann, a*b, read']],
    [
      'where it is compared once, and given to a function too',
      modelText({ m: 'r.sub == p.sub && (r.obj == p.obj || keyMatch(r.obj, p.obj))' }),
      ['p, ann, *, read'],
    ],
    [
      'where the matcher does not use it',
      modelText({ m: 'r.sub == p.sub && r.obj == p.obj' }),
      ['p, ann, data, *'],
    ],
  ])('%s', async (_, text, lines) => {
    const { warnings } = await promiseOf(text, { rules: lines.map(rule) });
    expect(warnings.filter(({ code }) => code === 'LITERAL_WILDCARD')).toEqual([]);
  });
});
