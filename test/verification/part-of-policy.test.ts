import { newModelFromString } from 'casbin';
import { describe, expect, test } from 'vitest';
import type { Rule } from '../../src/index.ts';
import { ruleKey } from '../../src/policy/rule.ts';
import { type Difference, findCauses, findNeeded, partFinder } from '../../src/verification/causes.ts';
import { type Answer, createDecider, decideAll } from '../../src/verification/decide.ts';
import { modelText } from '../casbin/models.fixture.ts';
import { rule, rulesOf } from './verify.fixture.ts';

/** The part of a policy that decides these requests, as lines; the defined rules are those in `defined`. */
async function partFor(
  changes: Parameters<typeof modelText>[0],
  lines: readonly string[],
  requests: readonly string[],
  defined: readonly string[] = lines,
): Promise<string[]> {
  const model = newModelFromString(modelText(changes));
  const rules = rulesOf(lines);
  const known = new Set(rulesOf(defined).map(ruleKey));
  const { index } = await createDecider(model, rules);
  const find = partFinder(model, rules, (one) => known.has(ruleKey(one)), index);
  return find(requests.map(rule)).map(({ ptype, values }) => [ptype, ...values].join(', '));
}

const LINES = [
  'g, alice, clerk',
  'p, viewer, data, read',
  'p, clerk, data, write',
  'g, bob, viewer',
  'g, clerk, viewer',
  'p, clerk, logs, read',
  'g, viewer, viewer',
  'p2, alice, data',
];

describe('the part of a policy that decides requests', () => {
  test('has the rules that can match, the links that lead to them, and a first rule, in their order', async () => {
    expect(await partFor({}, LINES, ['alice, data, write'])).toEqual([
      'g, alice, clerk',
      'p, viewer, data, read',
      'p, clerk, data, write',
      'g, clerk, viewer',
      'g, viewer, viewer',
    ]);
    expect(await partFor({}, LINES, ['eve, logs, read'])).toEqual(['p, viewer, data, read']);
  });

  test('has them in their order also where there are more than ten', async () => {
    const lines = Array.from({ length: 12 }, (_, index) => `p, ann, data ${index}, read`);
    expect(await partFor({ m: 'r.sub == p.sub' }, lines, ['ann, data, read'])).toEqual(lines);
  });

  test('serves several requests at once', async () => {
    expect(await partFor({}, LINES, ['bob, data, read', 'clerk, logs, read'])).toEqual([
      'p, viewer, data, read',
      'g, bob, viewer',
      'g, clerk, viewer',
      'p, clerk, logs, read',
      'g, viewer, viewer',
    ]);
  });

  test('has a defined p rule where there is one, so that it stays when added rules are left out', async () => {
    expect(await partFor({}, LINES, ['eve, x, y'], ['p, clerk, logs, read'])).toEqual([
      'p, clerk, logs, read',
    ]);
    expect(await partFor({}, LINES, ['eve, x, y'], ['g, alice, clerk', 'p2, alice, data'])).toEqual([
      'p, viewer, data, read',
    ]);
    expect(await partFor({}, ['g, a, b', 'g, b, c'], ['eve, x, y'])).toEqual(['g, a, b']);
    expect(await partFor({}, [], ['eve, x, y'])).toEqual([]);
  });

  test('has the links that lead on from each value that the matcher follows links from', async () => {
    const changes = {
      g: ['g = _, _', 'g2 = _, _'],
      m: 'g(r.sub, p.sub) && g2(r.obj, p.obj) && r.act == p.act',
    };
    const lines = ['p, ann, docs, read', 'g2, file, docs', 'g2, page, file', 'g2, x, docs', 'g, bob, ann'];
    expect(await partFor(changes, lines, ['ann, page, read'])).toEqual(lines.slice(0, 3));
  });

  test('is the whole policy where any rule may match, or links lead on from anything', async () => {
    expect(await partFor({ m: 'keyMatch(r.obj, p.obj)' }, LINES, ['eve, x, y'])).toEqual(LINES);
    const m = 'r.obj == p.obj && (g(r.sub, p.sub) || g("all", p.sub))';
    expect(await partFor({ m }, LINES, ['eve, x, y'])).toEqual(LINES);
  });

  test('is the whole policy where a priority is no number, as it changes how Casbin sorts the others', async () => {
    const changes = { p: 'sub, priority, obj, act, eft', e: 'priority(p.eft) || deny' };
    const lines = ['p, ann, 1, data, read, allow', 'p, bob, 20, data, read, deny', 'g, x, y'];
    expect(await partFor(changes, lines, ['bob, data, read'])).toEqual(lines.slice(0, 2));
    expect(await partFor(changes, lines, ['ann, data, read'])).toEqual(lines.slice(0, 1));
    const others = [...lines, 'p, eve, high, data, read, deny'];
    expect(await partFor(changes, others, ['ann, data, read'])).toEqual(others);
    const short = [...lines, 'p, eve'];
    expect(await partFor(changes, short, ['ann, data, read'])).toEqual(short);
  });
});

describe('what causes a difference', () => {
  const model = newModelFromString(
    modelText({ p: 'sub, obj, act, eft', e: '!some(where (p.eft == deny))', m: 'g(r.sub, p.sub)' }),
  );
  const allow: Answer = { allowed: true, rule: [], error: null };
  const deny: Answer = { allowed: false, rule: [], error: null };

  /** The causes of these answers, and how often rules were decided on. */
  async function causesOf(
    defined: readonly string[],
    added: readonly string[],
    differences: readonly Difference[],
    decide: (rules: readonly Rule[], requests: readonly (readonly string[])[]) => Promise<Answer[]> = (
      rules,
      requests,
    ) => decideAll(model, rules, requests),
  ) {
    const keys = new Set(rulesOf(defined).map(ruleKey));
    const rules = rulesOf([...defined, ...added]);
    let decisions = 0;
    const causes = await findCauses(
      {
        isDefined: (one) => keys.has(ruleKey(one)),
        partFor: () => rules,
        decide: (some, requests) => {
          decisions += 1;
          return decide(some, requests);
        },
      },
      differences,
    );
    const lines = differences.map((one) =>
      causes.get(one)?.map(({ ptype, values }) => [ptype, ...values].join(', ')),
    );
    return { lines, decisions };
  }

  const DEFINED = ['p, boss, data, read, allow'];

  test('is the added rules that took part, if they are enough together with the defined ones', async () => {
    const added = ['p, ann, x, y, deny', 'p, eve, x, y, deny', 'g, bob, ann'];
    const involved = rulesOf(['p, ann, x, y, deny']);
    const { lines, decisions } = await causesOf(DEFINED, added, [
      { request: ['ann', 'data', 'read'], answer: deny, involved },
      { request: ['ann', 'logs', 'read'], answer: deny, involved },
    ]);
    expect(lines).toEqual([['p, ann, x, y, deny'], ['p, ann, x, y, deny']]);
    expect(decisions, 'those who took part in both are asked once').toBe(1);
  });

  test('is the added rules that took part, although others would do as well', async () => {
    const defined = [...DEFINED, 'p, one, x, y, deny', 'p, other, x, y, deny'];
    const { lines } = await causesOf(
      defined,
      ['g, ann, one', 'g, ann, other'],
      [{ request: ['ann', 'data', 'read'], answer: deny, involved: rulesOf(['g, ann, other']) }],
    );
    expect(lines).toEqual([['g, ann, other']]);
  });

  test('is found for each request, although the same rules took part in all of them', async () => {
    const involved = rulesOf(['p, ann, x, y, deny']);
    const { lines } = await causesOf(
      DEFINED,
      ['p, ann, x, y, deny', 'p, eve, x, y, deny'],
      ['ann', 'eve'].map((name) => ({ request: [name, 'data', 'read'], answer: deny, involved })),
    );
    expect(lines).toEqual([['p, ann, x, y, deny'], ['p, eve, x, y, deny']]);
  });

  test('is other rules if those are not enough, each of them necessary', async () => {
    const added = ['p, z, x, y, deny', 'g, ann, mid', 'p, top, x, y, deny', 'g, mid, top', 'g, ann, other'];
    const { lines } = await causesOf(DEFINED, added, [
      { request: ['ann', 'data', 'read'], answer: deny, involved: [] },
    ]);
    expect(lines).toEqual([['g, ann, mid', 'p, top, x, y, deny', 'g, mid, top']]);
  });

  test('is nothing where the defined rules alone answer so', async () => {
    const { lines } = await causesOf(
      DEFINED,
      ['p, eve, x, y, deny'],
      [{ request: ['ann', 'data', 'read'], answer: allow, involved: [] }],
    );
    expect(lines).toEqual([[]]);
  });

  test('makes Casbin throw where that is the answer, not only deny', async () => {
    const thrown: Answer = { allowed: false, rule: [], error: 'one reason' };
    const decide = async (rules: readonly Rule[]): Promise<Answer[]> =>
      rules.some(({ values }) => values[0] === '[')
        ? [{ ...thrown, error: 'another reason' }]
        : [{ ...thrown, error: null }];
    const difference = { request: ['ann', 'data', 'read'], answer: thrown, involved: [] };
    const { lines } = await causesOf(DEFINED, ['p, a, x, y, deny', 'p, [, x, y, deny'], [difference], decide);
    expect(lines).toEqual([['p, [, x, y, deny']]);
  });
});

describe('candidates that are enough', () => {
  const letters = [...'abcdefghij'];

  test.each([['a'], ['j'], ['aj'], ['cdf'], ['abcdefghij'], ['']])(
    'are found among others, and none for nothing: %j',
    async (needed) => {
      const isEnough = async (some: readonly string[]) =>
        [...needed].every((letter) => some.includes(letter));
      expect((await findNeeded(isEnough, letters)).toSorted().join('')).toBe(needed);
    },
  );

  test('are the first ones where several would do', async () => {
    const isEnough = async (some: readonly string[]) => some.includes('c') || some.includes('g');
    expect(await findNeeded(isEnough, letters)).toEqual(['c']);
  });

  test('are all of them if not even all are enough', async () => {
    let asked = 0;
    await findNeeded(async () => {
      asked += 1;
      return false;
    }, letters);
    expect(asked).toBeLessThan(100);
  });

  test('has no warning for a policy without rules', async () => {
    expect(await findNeeded(async () => false, [])).toEqual([]);
  });
});
