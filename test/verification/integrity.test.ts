import { describe, expect, test } from 'vitest';
import { modelText } from '../casbin/models.fixture.ts';
import { rule, verifyRules } from './verify.fixture.ts';

const RBAC = modelText();
const CHAIN = [
  'p, readonly, data, read',
  'p, user, data, write',
  'p, admin, users, write',
  'g, user, readonly',
  'g, admin, user',
];
const definition = { rules: CHAIN.map(rule) };

function findings(lines: readonly string[], text = RBAC) {
  return verifyRules(text, definition, lines);
}

describe('a stored rule', () => {
  test('of a ptype that the model lacks is a warning', async () => {
    const { ok, integrity } = await findings([...CHAIN, 'p7, alice, data, read']);

    expect(ok).toBe(true);
    expect(integrity).toMatchObject([{ severity: 'warning', ids: [6], rule: rule('p7, alice, data, read') }]);
    expect(integrity[0]?.message).toContain('has no "p7"');
  });

  test('with too many or too few values is a warning', async () => {
    const { ok, integrity } = await findings([...CHAIN, 'p, alice, data', 'g, alice, user, one', 'g, bob']);

    expect(ok).toBe(true);
    expect(integrity.map(({ ids, severity, message }) => [ids, severity, message])).toEqual([
      [
        [6],
        'warning',
        'It has 2 values, and the model defines 3: createEnforcer refuses it. Give the model of this policy, or correct or delete the rule.',
      ],
      [
        [7],
        'warning',
        'It has 3 values, and the model defines 2: createEnforcer refuses it. Give the model of this policy, or correct or delete the rule.',
      ],
      [
        [8],
        'warning',
        'It has 1 value, and the model defines 2: createEnforcer refuses it. Give the model of this policy, or correct or delete the rule.',
      ],
    ]);
  });

  test('with an effect or a priority that Casbin does not use is a warning', async () => {
    const text = modelText({ p: 'priority, sub, obj, act, eft', e: 'priority(p.eft) || deny' });
    const lines = [
      'p, 1, user, data, read, allow',
      'p, 2, eve, data, read, DENY',
      'p, low, eve, data, read, deny',
    ];
    const { ok, integrity } = await verifyRules(text, { rules: lines.slice(0, 1).map(rule) }, lines);

    expect(ok).toBe(true);
    expect(integrity.map(({ ids, severity, message }) => [ids, severity, message])).toEqual([
      [
        [2],
        'warning',
        'It has the effect "DENY", and Casbin uses only allow and deny: the rule decides nothing. Correct it, or delete it.',
      ],
      [
        [3],
        'warning',
        'It has the priority "low", which is not a number, so Casbin can\'t order the rules. Correct it, or delete it.',
      ],
    ]);
  });

  test('with an address range whose mask Casbin reads as another one is a warning', async () => {
    const text = modelText({ m: 'r.sub == p.sub && ipMatch(r.obj, p.obj) && r.act == p.act' });
    const lines = ['p, user, 10.0.0.0/8, read', 'p, eve, 10.0.0.0/33, read'];
    const { ok, integrity } = await verifyRules(text, { rules: lines.slice(0, 1).map(rule) }, lines);

    expect(ok).toBe(true);
    expect(integrity).toMatchObject([
      {
        severity: 'warning',
        ids: [2],
        message:
          'It has the address range "10.0.0.0/33", and its mask is not a number from 0 to 32, so Casbin matches other addresses. Correct it, or delete it.',
      },
    ]);
  });

  test.each([
    ['a warning', false, 'warning'],
    ['a failure under stockLoadable', true, 'failure'],
  ])(
    'that Casbin’s loader throws on is %s, and the decisions are still decided',
    async (_, stockLoadable, severity) => {
      const lines = [...CHAIN, 'g, al(ice, user', 'p7, bo)b, data'];
      const { ok, checks, integrity } = await verifyRules(RBAC, definition, lines, { stockLoadable });

      expect({ ok, checks }).toEqual({ ok: !stockLoadable, checks: 12 });
      expect(integrity.filter(({ message }) => message.includes('Unmatched brackets'))).toMatchObject([
        { severity, ids: [6], rule: rule('g, al(ice, user') },
        { severity, ids: [7], rule: rule('p7, bo)b, data') },
      ]);
    },
  );

  test('that Casbin’s loader throws on is a failure where it is defined', async () => {
    const lines = [...CHAIN, 'g, al(ice, user'];
    const { integrity } = await verifyRules(RBAC, { rules: lines.map(rule) }, lines);

    expect(integrity).toMatchObject([{ severity: 'failure', ids: [6] }]);
  });

  test('that it would distort is a warning with both readings', async () => {
    const { ok, integrity } = await verifyRules(RBAC, definition, [...CHAIN, 'g, "alice", user']);

    expect(ok).toBe(true);
    expect(integrity.map(({ ids, message }) => [ids, message])).toEqual([
      [
        [6],
        '"g, "\\"alice\\"", user" is stored, and the stock adapter reads "g, alice, user" instead. Store other values.',
      ],
    ]);
  });
});

test('a stored rule that the stock adapter takes for a comment is a warning', async () => {
  const { integrity } = await findings([...CHAIN, '#, alice']);

  expect(integrity.map(({ message }) => message)).toContain(
    '"#, alice" is stored, and the stock adapter reads nothing instead. Store other values.',
  );
});

describe('the role hierarchy', () => {
  test('in a circle is a failure, and nothing is decided', async () => {
    const report = await findings([...CHAIN, 'g, readonly, admin']);

    expect(report).toMatchObject({ ok: false, checks: 0 });
    expect(report.integrity).toMatchObject([{ severity: 'failure', ids: [4, 5, 6] }]);
    expect(report.integrity[0]?.message).toContain('user → readonly → admin → user');
  });

  test('is in a circle also by a link with a value too many, as Casbin cuts that off', async () => {
    const report = await findings([...CHAIN, 'g, readonly, user, one']);

    expect(report).toMatchObject({ ok: false, checks: 0 });
    expect(report.integrity.map(({ severity }) => severity)).toEqual(['warning', 'failure']);
  });

  test('is not in a circle by links that the model knows nothing of', async () => {
    await expect(findings([...CHAIN, 'g5, a, b', 'g5, b, a'])).resolves.toMatchObject({ ok: true });
  });

  test('of more than ten links is a failure, and nothing is decided', async () => {
    const deep = Array.from({ length: 11 }, (_, level) => `g, level${level}, level${level + 1}`);
    const report = await findings([...CHAIN, ...deep]);

    expect(report).toMatchObject({ ok: false, checks: 0 });
    expect(report.integrity[0]?.message).toContain('Inheritance over 11 links');
    await expect(findings([...CHAIN, ...deep.slice(1)])).resolves.toMatchObject({ ok: true });
  });

  test.each([
    ['a link that was turned round', [...CHAIN.slice(0, 3), 'g, readonly, user', 'g, admin, user']],
    ['a link upward over one that is missing', [...CHAIN.slice(0, 4), 'g, readonly, admin']],
    ['a detour over a role that is not defined', [...CHAIN.slice(0, 4), 'g, user, x', 'g, x, admin']],
  ])('that is turned round, without a circle, is a failure: %s', async (_, lines) => {
    const report = await findings(lines);

    expect(report).toMatchObject({ ok: false, checks: 0 });
    const turned = report.integrity.filter(({ severity }) => severity === 'failure');
    expect(turned).not.toEqual([]);
    expect(turned[0]?.message).toContain('but the definition says the opposite');
  });

  test('may be turned round in another domain', async () => {
    const text = modelText({
      r: 'sub, dom, obj, act',
      p: 'sub, dom, obj, act',
      g: ['g = _, _, _'],
      m: 'g(r.sub, p.sub, r.dom) && r.dom == p.dom && r.obj == p.obj && r.act == p.act',
    });
    const lines = ['p, user, one, data, read', 'g, admin, user, one'];
    const report = await verifyRules(text, { rules: lines.map(rule) }, [...lines, 'g, user, admin, two']);

    expect(report).toMatchObject({ ok: true, integrity: [] });
  });
});

test('a priority effect without a priority field is a warning, with the first rule that it is about', async () => {
  const lines = ['g, bob, user', 'p, user, data, read, allow'];
  const reportOf = (e: string) =>
    verifyRules(modelText({ p: 'sub, obj, act, eft', e }), { rules: lines.map(rule) }, lines);
  const { ok, integrity } = await reportOf('priority(p.eft) || deny');

  expect(ok).toBe(true);
  expect(integrity).toMatchObject([{ severity: 'warning', ids: [2] }]);
  expect(integrity[0]?.message).toContain('no priority field');
  expect((await reportOf('subjectPriority(p.eft) || deny')).integrity).toEqual([]);
});
