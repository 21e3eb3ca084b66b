import { type Enforcer, Util } from 'casbin';
import { describe, expect, test } from 'vitest';
import { modelText } from '../casbin/models.fixture.ts';
import { promiseOf, rule } from './verify.fixture.ts';

const RBAC = modelText();

interface Given {
  readonly samples?: readonly string[];
  readonly configure?: (enforcer: Enforcer) => Promise<void>;
}

async function warningsOf(text: string, lines: readonly string[], { samples = [], configure }: Given = {}) {
  const definition = { rules: lines.map(rule), samples: samples.map(rule) };
  const { warnings } = await promiseOf(text, definition, configure);
  return warnings;
}

async function summaryOf(...given: Parameters<typeof warningsOf>) {
  const warnings = await warningsOf(...given);
  return warnings.map(({ code, rules }) => [code, ...rules.map((values) => values.join(', '))]);
}

test('a policy that is proved completely has no warning', async () => {
  expect(await warningsOf(RBAC, ['p, user, data, read', 'g, admin, user'])).toEqual([]);
});

describe('a role that is given', () => {
  const POLICY = ['p, admin, data, read', 'p, auditor, logs, read', 'g, root, admin', 'g, owner, root'];

  test('and has nothing itself, but is called nearly as one that has, causes a warning', async () => {
    const lines = [...POLICY, 'g, alice, admn', 'g, bob, Auditor', 'g, carol, admin'];
    expect(await warningsOf(RBAC, lines)).toEqual([
      {
        code: 'ROLE_MISSPELT',
        count: 2,
        rules: [rule('g, alice, admn'), rule('g, bob, Auditor')],
        message:
          '2 defined rules give a role that has no permission and inherits nothing, and whose name is nearly that of another role: "g, alice, admn" (did you mean "admin"?); "g, bob, Auditor" (did you mean "auditor"?). Correct the name, or give the role a permission.',
      },
    ]);
  });

  test('and is called nearly as a role that only inherits causes a warning, as a user does not', async () => {
    const lines = [...POLICY, 'g, alice, rooot', 'g, bob, ownr'];
    expect(await summaryOf(RBAC, lines)).toContainEqual(['ROLE_MISSPELT', 'g, alice, rooot']);
  });

  test.each([
    ['inherits something', ['g, alice, admins', 'g, admins, auditor']],
    ['has a permission', ['g, alice, admins', 'p, admins, logs, write']],
    ['is called like none', ['g, alice, guest']],
    ['differs in numbers only', ['p, team1, data, read', 'g, alice, team2']],
  ])('causes no warning if it %s', async (_, lines) => {
    const codes = (await warningsOf(RBAC, [...POLICY, ...lines])).map(({ code }) => code);
    expect(codes).not.toContain('ROLE_MISSPELT');
  });

  test('is looked at by the role definition of each value, with domains too', async () => {
    const text = modelText({
      r: 'sub, dom, obj, act',
      p: 'sub, dom, obj, act',
      g: ['g = _, _, _', 'g2 = _, _'],
      m: 'g(r.sub, p.sub, r.dom) && r.dom == p.dom && g2(r.obj, p.obj) && r.act == p.act',
    });
    const lines = [
      'p, admin, acme, papers, read',
      'g, alice, admn, acme',
      'g2, letter, papres',
      'g2, memo, admn',
    ];
    expect(await summaryOf(text, lines)).toContainEqual([
      'ROLE_MISSPELT',
      'g, alice, admn, acme',
      'g2, letter, papres',
    ]);
  });

  test('causes no warning if it has the name of something in rules of another kind', async () => {
    const text = modelText({ p: 'sub, obj, act\np2 = obj, act' });
    const lines = [...POLICY, 'p2, reports, read', 'g, alice, report'];
    expect((await warningsOf(text, lines)).map(({ code }) => code)).not.toContain('ROLE_MISSPELT');
  });

  test('causes no warning if the text of a rule may name it', async () => {
    const text = modelText({ p: 'sub, rule, obj', m: 'g(r.sub, p.sub) && eval(p.rule) && r.obj == p.obj' });
    const lines = ['p, admin, true, data', 'g, alice, admn'];
    expect((await warningsOf(text, lines)).map(({ code }) => code)).not.toContain('ROLE_MISSPELT');
  });

  test.each([
    ['is called twice', 'g(r.sub, p.sub) && g(r.sub, "admn") && r.obj == p.obj && r.act == p.act'],
    ['is not called with a value of the rules', 'g(r.sub, "admn") && r.obj == p.obj && r.act == p.act'],
  ])('causes no warning if its definition %s', async (_, m) => {
    const codes = (await warningsOf(modelText({ m }), [...POLICY, 'g, alice, admn'])).map(({ code }) => code);
    expect(codes).not.toContain('ROLE_MISSPELT');
  });

  test('causes no warning if a function may match names', async () => {
    const configure = async (enforcer: Enforcer) => {
      await enforcer.addNamedMatchingFunc('g', Util.keyMatchFunc);
    };
    const codes = (await warningsOf(RBAC, [...POLICY, 'g, alice, admn'], { configure })).map(
      ({ code }) => code,
    );
    expect(codes).not.toContain('ROLE_MISSPELT');
  });
});

describe('no request to decide', () => {
  const text = modelText({ m: 'isOwner(r.sub, p.sub) && r.obj == p.obj && r.act == p.act' });
  const configure = (enforcer: Enforcer) =>
    enforcer.addFunction('isOwner', (a: string, b: string) => a === b);
  const lines = ['p, user, data, read', 'p, user, data, write'];

  test('causes a warning that says what to write', async () => {
    expect(await warningsOf(text, lines, { configure })).toEqual([
      {
        code: 'NOTHING_VERIFIED',
        count: 2,
        rules: lines.map(rule),
        message:
          'No decision was verified: no requests follow from the 2 defined rules in this model. Write some under samples, allow, deny or never.',
      },
    ]);
  });

  test('is gone with samples that depend on each rule', async () => {
    const samples = ['user, data, read', 'user, data, write'];
    expect(await warningsOf(text, lines, { configure, samples })).toEqual([]);
  });

  test('that depends on a rule leaves a warning of that one', async () => {
    expect(await warningsOf(text, lines, { configure, samples: ['user, data, read'] })).toEqual([
      {
        code: 'RULES_NOT_COVERED',
        count: 1,
        rules: [rule('p, user, data, write')],
        message:
          '1 defined rule decided no request, so nothing was proved about it: "p, user, data, write". Write requests that depend on it under samples, allow, deny or never, or remove it if other rules already decide the same.',
      },
    ]);
  });
});

test('of many rules that decide nothing, ten are named and all are counted', async () => {
  const lines = Array.from({ length: 12 }, (_, index) => `p, user${index}, ^/a, read`);
  const text = modelText({ m: 'g(r.sub, p.sub) && regexMatch(r.obj, p.obj) && r.act == p.act' });
  const [warning] = await warningsOf(text, lines, { samples: ['nobody, /a, read'] });

  expect(warning).toMatchObject({ code: 'RULES_NOT_COVERED', count: 12 });
  expect(warning?.rules).toHaveLength(10);
  expect(warning?.message).toContain('"p, user9, ^/a, read"; and 2 more.');
});

describe('definitions that only an EnforceContext uses', () => {
  const text = `
[request_definition]
r = sub, obj, act
r2 = sub, act
[policy_definition]
p = sub, obj, act
p2 = sub, act
[policy_effect]
e = some(where (p.eft == allow))
e2 = some(where (p2.eft == allow))
[matchers]
m = r.sub == p.sub && r.obj == p.obj && r.act == p.act
m2 = r2.sub == p2.sub && r2.act == p2.act
`;

  test('are a warning that names them and their rules, which are not warned of once more', async () => {
    const [warning, ...others] = await warningsOf(text, ['p, user, data, read', 'p2, user, read']);

    expect(others).toEqual([]);
    expect(warning).toMatchObject({
      code: 'CONTEXT_NOT_VERIFIED',
      count: 1,
      rules: [rule('p2, user, read')],
    });
    expect(warning?.message).toBe(
      'Requests with an EnforceContext were not verified (r2, p2, e2, m2): decisions are verified by r, p, e and m. Nothing was proved about "p2, user, read". Test the others with an enforcer of your own.',
    );
  });

  test('are a warning also without rules of their own', async () => {
    expect(await summaryOf(text, ['p, user, data, read'])).toEqual([['CONTEXT_NOT_VERIFIED']]);
  });
});

describe('a * that the model compares as it is written', () => {
  const DOMAINS = modelText({
    r: 'sub, dom, obj, act',
    p: 'sub, dom, obj, act',
    g: ['g = _, _, _'],
    m: 'g(r.sub, p.sub, r.dom) && r.dom == p.dom && r.obj == p.obj && r.act == p.act',
  });

  test('causes a warning', async () => {
    const { warnings } = await promiseOf(RBAC, { roles: { admin: { permissions: { '*': ['*'] } } } });

    expect(warnings).toMatchObject([{ code: 'LITERAL_WILDCARD', rules: [['p', 'admin', '*', '*']] }]);
    expect(warnings[0]?.message).toBe(
      '1 defined rule has a * where this model compares values as they are written, so it matches a * in the request and nothing else: "p, admin, *, *". Name the values, or match them by a function such as keyMatch(r.obj, p.obj).',
    );
  });

  test.each([
    ['as a part of a path', RBAC, ['p, user, /invoices/*, read']],
    ['as a part of a name', RBAC, ['p, user, invoices:*, read']],
    ['as a subject', RBAC, ['p, *, data, read']],
    ['as one who inherits', RBAC, ['p, user, data, read', 'g, *, user']],
    ['as a domain of a link', DOMAINS, ['p, user, one, data, read', 'g, alice, user, *']],
  ])('causes a warning %s', async (_, text, lines) => {
    expect(await summaryOf(text, lines)).toContainEqual(['LITERAL_WILDCARD', lines.at(-1)]);
  });

  test.each([
    [
      'as a pattern',
      modelText({ m: 'g(r.sub, p.sub) && keyMatch(r.obj, p.obj) && r.act == p.act' }),
      'p, user, *, read',
    ],
    [
      'where the matcher knows it',
      modelText({ m: 'g(r.sub, p.sub) && (r.obj == p.obj || p.obj == "*") && r.act == p.act' }),
      'p, user, *, read',
    ],
    [
      'in a field that is not compared',
      modelText({ p: 'sub, obj, act, note', m: 'g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act' }),
      'p, user, data, read, *',
    ],
    ['inside of a name', RBAC, 'p, user, a*b, read'],
  ])('causes no warning %s', async (_, text, line) => {
    expect(await summaryOf(text, [line], { samples: ['user, data, read'] })).not.toContainEqual([
      'LITERAL_WILDCARD',
      line,
    ]);
  });

  test('has no warning if it is the name of a role that somebody has', async () => {
    expect(await summaryOf(RBAC, ['p, *, data, read', 'g, root, *'])).toEqual([]);
  });

  test('has no warning in a link that a role manager may match', async () => {
    const configure = (enforcer: Enforcer) =>
      enforcer.addNamedDomainMatchingFunc('g', Util.keyMatchFunc).then(() => {});

    expect(
      await summaryOf(DOMAINS, ['p, user, one, data, read', 'g, alice, user, *'], { configure }),
    ).toEqual([]);
  });

  test('is still one for a value that is compared by ==, whatever role managers match', async () => {
    const configure = async () => {};

    expect(await summaryOf(RBAC, ['p, user, *, read'], { configure })).toEqual([
      ['LITERAL_WILDCARD', 'p, user, *, read'],
    ]);
    expect(await summaryOf(RBAC, ['p, *, data, read'], { configure })).toEqual([]);
  });
});

test('a role link that decides no request is told with the rules', async () => {
  const lines = ['p, admin, data, read', 'g, alice, staff'];
  expect(await summaryOf(RBAC, lines)).toEqual([['RULES_NOT_COVERED', 'g, alice, staff']]);
});

describe('rules with the same values and the opposite effect', () => {
  const withEffect = (e: string) => modelText({ p: 'sub, obj, act, eft', e });
  const lines = ['p, user, data, read, allow', 'p, user, data, write, allow', 'p, user, data, read, deny'];

  test.each(['some(where (p.eft == allow)) && !some(where (p.eft == deny))', 'some(where (p.eft == allow))'])(
    'are told instead of the one that decides nothing: %s',
    async (effect) => {
      expect(await warningsOf(withEffect(effect), lines)).toEqual([
        {
          code: 'RULES_OPPOSED',
          count: 2,
          rules: [lines[0], lines[2]].map((line) => rule(line ?? '')),
          message:
            '2 defined rules have the same values and the opposite effect, so one of each two decides nothing: "p, user, data, read, allow"; "p, user, data, read, deny". Remove that one.',
        },
      ]);
    },
  );

  test('are others where a value differs, or the model has no effect of a rule', async () => {
    const effect = 'some(where (p.eft == allow)) && !some(where (p.eft == deny))';
    expect(await summaryOf(withEffect(effect), [lines[1] ?? '', lines[2] ?? ''])).toEqual([]);
    const text = modelText({ r: 'sub, obj', p: 'sub, obj', m: 'r.sub == p.sub && r.obj == p.obj' });
    expect(await summaryOf(text, ['p, user, allow', 'p, user, deny'])).toEqual([]);
    const twoKinds = modelText({ p: 'sub, obj, act, eft\np2 = sub, obj, act, eft', e: effect });
    const codes = await summaryOf(twoKinds, ['p, user, data, read, allow', 'p2, user, data, read, deny']);
    expect(codes.flat()).not.toContain('RULES_OPPOSED');
  });
});
