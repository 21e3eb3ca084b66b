import { newModelFromString } from 'casbin';
import { describe, expect, test } from 'vitest';
import { RuleSet } from '../../src/policy/rule-set.ts';
import { findClosestRules } from '../../src/verification/closest-rules.ts';
import { describeBroken } from '../../src/verification/compare.ts';
import { createDecider } from '../../src/verification/decide.ts';
import { explainer } from '../../src/verification/explain-answer.ts';
import { withoutRepetition } from '../../src/verification/request-matrix.ts';
import { modelText } from '../casbin/models.fixture.ts';
import { promiseOf, rule, verifyRules } from './verify.fixture.ts';

const DENY_OVERRIDE = modelText({ p: 'sub, obj, act, eft', e: '!some(where (p.eft == deny))' });

describe('the requests that a definition lists', () => {
  const definition = {
    rules: ['p, ann, data, read', 'p, bob, data, read'].map(rule),
    samples: [['eve', 'data', 'read']],
    allow: [['ann', 'data', 'read']],
    deny: [['ann', 'logs', 'read']],
    never: [['cid', 'logs', 'write']],
  };

  test('count among those that must be allowed', async () => {
    const { expectations } = await promiseOf(modelText(), definition);
    expect(expectations.size).toBe(6);
    expect(expectations.countAllowed()).toBe(2);
    const lines = definition.rules.map((values) => values.join(', '));
    expect(await verifyRules(modelText(), definition, lines)).toMatchObject({ checks: 6, allowed: 2 });
  });

  test('count among those that no rule may deny', async () => {
    const rules = ['p, ann, data, read, deny', 'p, bob, logs, read, allow'].map(rule);
    const { expectations } = await promiseOf(DENY_OVERRIDE, { rules, allow: [['eve', 'x', 'y']] });
    expect(expectations.size).toBe(7);
    expect(expectations.countAllowed()).toBe(6);
  });

  test('have numbers behind those that follow from its rules, and values of their own', async () => {
    const { expectations, valuesAt } = await promiseOf(modelText(), definition);
    const { index } = await createDecider(newModelFromString(modelText()), []);
    const numbers = [...expectations.toDecide({ index, decide: () => expect.fail() })].map(
      ([number]) => number,
    );
    expect(numbers).toEqual([1, 2, 3, 4, 5, 6]);
    expect([...valuesAt(0)]).toEqual(['ann', 'bob', 'casbin-bootstrap:no-role', 'eve', 'cid']);
    expect([...valuesAt(2)]).toEqual(['read', 'write']);
    expect([...valuesAt(3)]).toEqual(['']);
  });
});

describe('an explanation', () => {
  const lines = [
    'p, viewer, data, read',
    'g, clerk, viewer',
    'g, team, viewer',
    'g, ann, team',
    'g, ann, clerk',
  ];
  const rules = lines.map(rule).map(([ptype = '', ...values], index) => ({ id: index + 1, ptype, values }));
  const model = newModelFromString(modelText());
  const answer = { allowed: true, rule: ['viewer', 'data', 'read'], error: null };

  test('takes the way of the defined links where there are several', () => {
    const defined = new RuleSet(rules.filter(({ id }) => ![3, 4].includes(id)));
    expect(explainer(model, rules, defined)(['ann', 'data', 'read'], answer)).toEqual({
      rule: ['p', 'viewer', 'data', 'read'],
      rolePath: ['ann', 'clerk', 'viewer'],
      ids: [1, 5, 2],
      added: [],
      reason: 'by "p, viewer, data, read", through ann → clerk → viewer',
    });
    expect(
      explainer(
        model,
        rules,
        new RuleSet(rules.filter(({ id }) => id !== 2)),
      )(['ann', 'data', 'read'], answer),
    ).toMatchObject({ rolePath: ['ann', 'team', 'viewer'], added: [] });
  });

  test('names all rules that are not defined, and what causes it where that is known', () => {
    const explain = explainer(model, rules.slice(0, 4), new RuleSet(rules.slice(0, 1)));
    expect(explain(['ann', 'data', 'read'], answer)).toMatchObject({
      ids: [1, 4, 3],
      added: [
        ['g', 'ann', 'team'],
        ['g', 'team', 'viewer'],
      ],
      reason:
        'by "p, viewer, data, read", through ann → team → viewer; not in the definition: g, ann, team; g, team, viewer',
    });
    expect(explain(['ann', 'data', 'read'], answer, [{ ptype: 'g', values: ['x', 'y'] }])).toMatchObject({
      ids: [1, 4, 3],
      added: [['g', 'x', 'y']],
    });
  });

  test('has no way where no rule decided', () => {
    const explain = explainer(model, rules, new RuleSet(rules));
    expect(explain(['ann', 'x', 'y'], { allowed: false, rule: [], error: null })).toEqual({
      rule: null,
      rolePath: [],
      ids: [],
      added: [],
      reason: 'no rule allows it',
    });
  });

  test('goes along the links that the matcher asks for, in a domain that it names', () => {
    const text = modelText({
      g: ['g = _, _, _', 'g2 = _, _', 'g3 = _, _, _'],
      m: 'g(r.sub, p.sub, "one") && (g2(lower(r.obj), p.obj) || g3(r.sub, p.sub, 7) || r.obj == p.obj)',
    });
    const links = ['g, ann, viewer, two', 'g, ann, clerk, one', 'g, clerk, viewer, one', 'g2, data, data2'];
    const live = ['p, viewer, data, read', ...links]
      .map(rule)
      .map(([ptype = '', ...values], index) => ({ id: index + 1, ptype, values }));
    const explain = explainer(newModelFromString(text), live, new RuleSet(live));
    expect(explain(['ann', 'data', 'read'], answer)).toMatchObject({
      rolePath: ['ann', 'clerk', 'viewer'],
      ids: [1, 3, 4],
    });
    expect(explain(['eve', 'data', 'read'], answer)).toMatchObject({ rolePath: [], ids: [1] });
    expect(explain(['viewer', 'data', 'read'], answer)).toMatchObject({ rolePath: ['viewer'], ids: [1] });
  });

  test('shows the way of the subject, also where the matcher asks for the roles of resources first', () => {
    const text = modelText({ g: ['g = _, _', 'g2 = _, _'], m: 'g2(r.obj, p.obj) && g(r.sub, p.sub)' });
    const live = ['p, viewer, data, read', 'g, ann, viewer', 'g2, list, data']
      .map(rule)
      .map(([ptype = '', ...values], index) => ({ id: index + 1, ptype, values }));
    const explain = explainer(newModelFromString(text), live, new RuleSet(live));
    expect(explain(['ann', 'list', 'read'], answer)).toMatchObject({
      rolePath: ['ann', 'viewer'],
      ids: [1, 3, 2],
      reason: 'by "p, viewer, data, read", through ann → viewer',
    });
  });

  test('does not take a link without a domain for one in the domain without a name', () => {
    const text = modelText({
      r: 'sub, dom, obj, act',
      g: ['g = _, _, _'],
      m: 'g(r.sub, p.sub, r.dom) && r.obj == p.obj',
    });
    const live = [
      { ptype: 'p', values: ['viewer', 'data', 'read'] },
      { ptype: 'g', values: ['ann', 'viewer', ''] },
      { ptype: 'g', values: ['eve', 'clerk'] },
    ];
    const explain = explainer(newModelFromString(text), live, new RuleSet(live));
    expect(explain(['ann', '', 'data', 'read'], answer)).toMatchObject({ rolePath: ['ann', 'viewer'] });
    expect(explain(['eve', '', 'data', 'read'], answer)).toMatchObject({ rolePath: [] });
  });

  test('names no rule where the matcher uses none, although Casbin does', async () => {
    const text = modelText({ m: 'r.sub == "root"' });
    const definition = { rules: [['p', 'viewer', 'data', 'read']], deny: [['root', 'data', 'read']] };
    const { problems, coverage } = await promiseOf(text, definition);
    expect(problems).toMatchObject([
      { message: expect.stringContaining('makes it allow: by the matcher alone, which uses no rule. ') },
    ]);
    expect(coverage).toMatchObject({ covered: 0, total: 1 });
  });

  test('finds what comes closest in a policy of any size', async () => {
    const rules = Array.from({ length: 150_000 }, (_, n) => ({
      ptype: 'p',
      values: ['ann', `data${n}`, 'read'],
    }));
    const model = newModelFromString(modelText());
    const evaluate = () => Promise.reject(new Error('this matcher only compares'));
    const closest = await findClosestRules(model, rules, ['ann', 'data', 'read'], evaluate);
    expect(closest.map(({ differences }) => differences)).toEqual([
      ['obj is data0'],
      ['obj is data1'],
      ['obj is data2'],
    ]);
  });

  test('of a decision that a migration has broken shows the decision before', () => {
    const found = { rule: null, rolePath: [], ids: [], added: [], reason: 'no rule allows it' };
    expect(describeBroken({ ...found, request: ['ann', 'x'], expected: 'allow' })).toBe(
      '"ann, x" was allowed before, and is not any more: no rule allows it.',
    );
    expect(describeBroken({ ...found, request: ['ann', 'x'], expected: 'deny' })).toBe(
      '"ann, x" was denied before, and is not any more: no rule allows it.',
    );
  });
});

test('a permission that is listed once is kept', () => {
  expect(
    withoutRepetition(
      [
        ['', 'a'],
        ['', 'b'],
        ['x', 'a'],
      ],
      0,
    ),
  ).toEqual([
    ['', 'a'],
    ['', 'b'],
  ]);
});

test('a rule that the stock adapter reads nothing of is a warning', async () => {
  const { integrity } = await verifyRules(modelText(), { rules: [rule('p, a, b, c')] }, [
    'p, a, b, c',
    '#p, x',
  ]);
  expect(integrity.map(({ severity, message }) => [severity, message])).toEqual([
    ['warning', expect.stringContaining('The model has no "#p"')],
    ['warning', '"#p, x" is stored, and the stock adapter reads nothing instead. Store other values.'],
  ]);
});
