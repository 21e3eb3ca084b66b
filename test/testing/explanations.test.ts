import { DefaultRoleManager, type Enforcer, newEnforcer } from 'casbin';
import { describe, expect, test } from 'vitest';
import '../../src/testing/vitest.ts';
import { DENY_OVERRIDE, DOMAINS, enforcerOf, model, RULES } from './enforcers.fixture.ts';

/** The message of the opposite expectation, which fails, without its first line. */
async function explain(enforcer: Enforcer, ...request: string[]): Promise<string[]> {
  const allowed = await enforcer.enforce(...request);
  const failing = allowed ? expect(enforcer).toDeny(...request) : expect(enforcer).toAllow(...request);
  const error: unknown = await failing.catch((thrown: unknown) => thrown);
  return error instanceof Error ? error.message.trimEnd().split('\n').slice(2) : [];
}

test('a grant is explained by its rule and the path of roles to it', async () => {
  expect(await explain(await enforcerOf(RULES), 'alice', 'accounts', 'write')).toEqual([
    '  request  sub = alice, obj = accounts, act = write',
    '  answer   allowed by the rule "p, user, accounts, write"',
    '  roles    alice → admin → user',
  ]);
});

test('a denial is explained by what is missing: a role of the subject, or an action', async () => {
  expect(await explain(await enforcerOf(RULES), 'readonly', 'accounts', 'write')).toEqual([
    '  request  sub = readonly, obj = accounts, act = write',
    '  answer   denied: no rule allows it',
    '  roles    no "g" rule gives readonly a role',
    '  closest  p, user, accounts, write — readonly is not user',
    '           p, readonly, accounts, read — act is read',
  ]);
});

test('a name that no rule has is shown with those that there are', async () => {
  expect(await explain(await enforcerOf(RULES), 'alice', 'acounts', 'read')).toEqual([
    '  request  sub = alice, obj = acounts, act = read',
    '  answer   denied: no rule allows it',
    '  roles    alice → admin → user → readonly',
    '  closest  p, readonly, accounts, read — obj is accounts',
    '           p, readonly, transactions, read — obj is transactions',
    '  unknown  no rule has obj = acounts, only accounts, transactions, users',
  ]);
});

test.each([
  [6, 'a, b, c, d, e, f'],
  [7, 'a, b, c, d, e, f, …'],
])('of %i known names, six are shown', async (count, shown) => {
  const rules = [...'abcdefg'].slice(0, count).map((name) => `p, user, ${name}, read`);
  const lines = await explain(await enforcerOf(rules), 'user', 'x', 'read');
  expect(lines.at(-1)).toBe(`  unknown  no rule has obj = x, only ${shown}`);
});

test('names are quoted where a reader could take them for several', async () => {
  const lines = await explain(await enforcerOf(['p, user, "a, b", read']), 'user', 'x, y', 'read');
  expect(lines.at(-1)).toBe('  unknown  no rule has obj = "x, y", only "a, b"');
});

test.each([
  { count: 4, more: [] },
  { count: 5, more: ['           …'] },
])('of $count roles of a subject, four are shown', async ({ count, more }) => {
  const roles = Array.from({ length: count }, (_, index) => `g, alice, role${index}`);
  const lines = await explain(await enforcerOf(['p, user, data, read', ...roles]), 'alice', 'data', 'read');
  expect(lines.slice(2)).toEqual([
    '  roles    alice → role0',
    '           alice → role1',
    '           alice → role2',
    '           alice → role3',
    ...more,
    '  closest  p, user, data, read — alice is not user',
  ]);
});

test('roles are shown as far as Casbin follows them, and no further round a circle', async () => {
  const chain = Array.from({ length: 11 }, (_, index) => `g, role${index}, role${index + 1}`);
  const enforcer = await enforcerOf(['p, top, data, read', ...chain, 'g, one, two', 'g, two, one']);
  const names = Array.from({ length: 11 }, (_, index) => `role${index}`);
  expect((await explain(enforcer, 'role0', 'data', 'read'))[2]).toBe(`  roles    ${names.join(' → ')}`);
  expect((await explain(enforcer, 'one', 'data', 'read'))[2]).toBe('  roles    one → two');
});

test('roles are those of each value, in its own role definition', async () => {
  const enforcer = await enforcerOf(['p, user, docs, read', 'g, alice, user', 'g2, page, docs'], {
    g: '_, _\ng2 = _, _',
    m: 'g(r.sub, p.sub) && g2(r.obj, p.obj) && r.act == p.act',
  });
  expect((await explain(enforcer, 'alice', 'page', 'write')).slice(2, 4)).toEqual([
    '  roles    alice → user',
    '           page → docs',
  ]);
});

test('a grant by the attributes of a value is explained by its rule', async () => {
  const enforcer = await enforcerOf(['p, adult, data, read'], { m: 'r.sub.Age >= 18 && r.obj == p.obj' });
  await expect(expect(enforcer).toDeny({ Age: 18 }, 'data', 'read')).rejects.toThrow(
    'answer   allowed by the rule "p, adult, data, read"',
  );
});

test('the roles of a subject are shown once, although the matcher asks for them twice', async () => {
  const enforcer = await enforcerOf(['p, user, data, read', 'g, alice, user'], {
    m: 'g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act || g(r.sub, p.sub) && r.obj == "all"',
  });
  expect((await explain(enforcer, 'alice', 'data', 'write')).slice(2)).toEqual([
    '  roles    alice → user',
    '  closest  p, user, data, read — act is read',
    '  unknown  no rule has act = write, only read',
  ]);
});

test('with domains, roles are those of the domain of the request', async () => {
  const rules = ['p, admin, one, data, read', 'p, admin, two, data, read', 'g, alice, admin, one'];
  const enforcer = await enforcerOf([...rules, 'g, alice, guest, two'], DOMAINS);

  expect(await explain(enforcer, 'alice', 'two', 'data', 'read')).toEqual([
    '  request  sub = alice, dom = two, obj = data, act = read',
    '  answer   denied: no rule allows it',
    '  roles    alice → guest in two',
    '  closest  p, admin, two, data, read — alice is not admin',
  ]);
  expect((await explain(enforcer, 'alice', 'one', 'data', 'read')).at(-1)).toBe('  roles    alice → admin');
  expect((await explain(enforcer, 'alice', 'one', 'data', 'write')).slice(2)).toEqual([
    '  roles    alice → admin in one',
    '  closest  p, admin, one, data, read — act is read',
    '  unknown  no rule has act = write, only read',
  ]);
});

test.each([
  {
    what: 'in the second of two domains',
    parts: { r: 'sub, dom, parent, obj', p: 'sub, obj', g: '_, _, _' },
    calls: ['g(r.sub, p.sub, r.dom)', 'g(r.sub, p.sub, r.parent)'],
    link: 'g, alice, admin, group',
  },
  {
    what: 'by the second of two role definitions',
    parts: { r: 'sub, dom, parent, obj', p: 'sub, obj', g: '_, _\ng2 = _, _' },
    calls: ['g(r.sub, p.sub)', 'g2(r.sub, p.sub)'],
    link: 'g2, alice, admin',
  },
])('a rule is close for a role that the subject has $what', async ({ parts, calls, link }) => {
  const m = calls.map((call) => `${call} && r.obj == p.obj`).join(' || ');
  const lines = await explain(
    await enforcerOf(['p, admin, data', link], { ...parts, m }),
    ...['alice', 'team', 'group', 'logs'],
  );
  expect(lines.slice(-2)).toEqual([
    '  closest  p, admin, data — obj is data',
    '  unknown  no rule has obj = logs, only data',
  ]);
});

test('a denial by a rule names that rule and the path to it', async () => {
  const rules = ['p, user, data, read, allow', 'p, guest, data, read, deny', 'g, bob, user', 'g, bob, guest'];
  expect(await explain(await enforcerOf(rules, DENY_OVERRIDE), 'bob', 'data', 'read')).toEqual([
    '  request  sub = bob, obj = data, act = read',
    '  answer   denied by the rule "p, guest, data, read, deny"',
    '  roles    bob → guest',
  ]);
});

test('a rule that denies is never said to be close to allowing', async () => {
  const rules = ['p, user, data, read, deny', 'p, user, data, write, allow'];
  const lines = await explain(await enforcerOf(rules, DENY_OVERRIDE), 'eve', 'data', 'read');
  expect(lines.at(-1)).toBe('  closest  p, user, data, write, allow — eve is not user; act is write');
});

test('a rule whose effect is neither to allow nor to deny is not close, although it matches', async () => {
  const rules = ['p, user, data, read, maybe', 'p, user, data, write, allow'];
  const lines = await explain(await enforcerOf(rules, DENY_OVERRIDE), 'user', 'data', 'read');
  expect(lines.at(-1)).toBe('  closest  p, user, data, write, allow — act is write');
});

test('a rule that has nothing in common with the request is not close', async () => {
  const enforcer = await enforcerOf(['p, guest, logs, read'], {
    m: 'r.sub == p.sub && r.obj == p.obj && r.act == p.act && r.act != "delete"',
  });
  expect((await explain(enforcer, 'user', 'data', 'write')).join()).not.toContain('closest');
});

test('a pattern is said not to match', async () => {
  const enforcer = await enforcerOf(['p, user, /users/*, read'], {
    m: 'r.sub == p.sub && keyMatch(r.obj, p.obj)',
  });
  expect((await explain(enforcer, 'user', '/accounts/1', 'read')).at(-1)).toBe(
    '  closest  p, user, /users/*, read — obj: /users/* does not match /accounts/1',
  );
});

describe('a denial is explained by each condition of the matcher', () => {
  test.each([
    {
      what: 'a pattern that fits, beside a rule of the same values',
      m: 'g(r.sub, p.sub) && keyMatch2(r.obj, p.obj) && regexMatch(r.act, p.act)',
      rules: ['p, guest, /users/:id, GET', 'p, user, /users/:id, GET|PUT', 'p, guest, /accounts/1, DELETE'],
      request: ['guest', '/users/7', 'PUT'],
      closest: [
        'p, user, /users/:id, GET|PUT — guest is not user',
        'p, guest, /users/:id, GET — act: GET does not match PUT',
      ],
    },
    {
      what: 'values after a pattern',
      m: 'keyMatch(r.obj, p.obj) && r.act == p.act && g(r.sub, p.sub)',
      rules: ['p, user, /users/*, read', 'g, alice, user', 'p, user, /accounts/*, write'],
      request: ['alice', '/users/1', 'reed'],
      closest: ['p, user, /users/*, read — act is read'],
      unknown: 'no rule has act = reed, only read, write',
      roles: 'alice → user',
    },
    {
      what: 'several ways to compare',
      m: 'r.sub == p.sub && (keyMatch(r.obj, p.obj) || p.obj == "any") && (r.act == p.act || p.act == "*")',
      rules: ['p, user, any, read', 'p, user, /users/*, *'],
      request: ['user', '/accounts/1', 'write'],
      closest: [
        'p, user, any, read — act: read does not match write',
        'p, user, /users/*, * — obj: /users/* does not match /accounts/1',
      ],
    },
    {
      what: 'what does not depend on the rule',
      m: 'r.sub == p.sub && r.obj == p.obj && r.act == p.act && r.act != "delete"',
      rules: ['p, user, data, delete'],
      request: ['user', 'data', 'delete'],
      closest: ['p, user, data, delete — r.act != "delete" is false'],
    },
    {
      what: 'an alternative of the matcher that uses no rule',
      m: 'r.sub == "root" || g(r.sub, p.sub) && (r.obj == p.obj && r.act == p.act)',
      rules: ['p, user, data, read', 'p, guest, data, write', 'g, guest, user'],
      request: ['guest', 'data', 'rite'],
      closest: ['p, user, data, read — act is read', 'p, guest, data, write — act is write'],
      unknown: 'no rule has act = rite, only read, write',
      roles: 'guest → user',
    },
    {
      what: 'the better of two alternatives',
      m: 'r.sub == p.sub && r.obj == p.obj || r.act == p.act && g(r.sub, p.sub) && r.sub == "root)&&\\"("',
      rules: ['p, user, data, read'],
      request: ['user', 'accounts', 'read'],
      closest: ['p, user, data, read — obj is data'],
      unknown: 'no rule has obj = accounts, only data',
    },
    {
      what: 'the second of two alternatives, if it is the better one',
      m: 'r.sub == p.sub && r.obj == p.obj && r.act == p.act || r.act == p.act && r.sub == "root"',
      rules: ['p, user, data, read', 'p, eve, logs, write'],
      request: ['eve', 'logs', 'read'],
      closest: ['p, user, data, read — r.sub == "root" is false', 'p, eve, logs, write — act is write'],
    },
    {
      what: 'a pattern that Casbin does not take',
      m: 'r.sub == p.sub && r.act == p.act && regexMatch(r.obj, p.obj)',
      rules: ['p, user, [, read'],
      request: ['user', 'data', 'write'],
      closest: ['p, user, [, read — act is read; obj: [ does not match data'],
      unknown: 'no rule has act = write, only read',
    },
  ])('$what', async ({ m, rules, request, closest, unknown, roles = null }) => {
    const lines = await explain(await enforcerOf(rules, { m }), ...request);
    expect(lines.filter((line) => line.startsWith('  roles') && !line.includes('no "g"'))).toEqual(
      roles === null ? [] : [`  roles    ${roles}`],
    );
    const shown = lines.slice(lines.findIndex((line) => line.startsWith('  closest')));
    expect(shown.map((line) => line.slice(11))).toEqual([...closest, ...(unknown ? [unknown] : [])]);
  });

  test('with the attributes of a value, and the texts of rules', async () => {
    const parts = { p: 'rule, obj, act', m: 'eval(p.rule) && r.obj == p.obj && r.sub.Age >= 18' };
    const rules = ['p, r.sub.Role == "clerk", data, read', 'p, r.sub.Role == "boss", data, read'];
    const denied = expect(await enforcerOf(rules, parts)).toAllow({ Age: 17, Role: 'boss' }, 'data', 'read');
    await expect(denied).rejects.toThrow(
      'closest  p, "r.sub.Role == \\"boss\\"", data, read — r.sub.Age >= 18 is false\n',
    );
  });

  test.each(['fits(r.sub, r.obj, p.obj)', 'fits(r.obj, p.sub, p.obj)'])(
    'as it is written, where it compares several values: %s',
    async (condition) => {
      const enforcer = await enforcerOf(['p, user, data, read'], { m: `r.act == p.act && ${condition}` });
      await enforcer.addFunction('fits', () => false);
      expect((await explain(enforcer, 'user', 'data', 'read')).slice(2)).toEqual([
        `  closest  p, user, data, read — ${condition} is false`,
      ]);
    },
  );

  test('as it is written, where it compares an attribute', async () => {
    const parts = { m: 'keyMatch(r.sub.Role, p.sub) && r.act == p.act' };
    const denied = expect(await enforcerOf(['p, user, data, read'], parts)).toAllow(
      { Role: 'guest' },
      ...['data', 'read'],
    );
    await expect(denied).rejects.toThrow(
      'closest  p, user, data, read — keyMatch(r.sub.Role, p.sub) is false\n',
    );
  });

  test('without asking about a pattern that Casbin never finishes reading', async () => {
    const rules = ['p, user, /users/:id, read', 'p, guest, /users/:, read'];
    const enforcer = await enforcerOf(rules, { m: 'r.sub == p.sub && keyMatch2(r.obj, p.obj)' });
    expect((await explain(enforcer, 'user', '/accounts', 'read')).slice(2)).toEqual([
      '  closest  p, user, /users/:id, read — obj: /users/:id does not match /accounts',
    ]);
  });

  test('also if a function throws that the decision did not call', async () => {
    const rules = ['p, guest, broken, read', 'p, user, data, read'];
    const enforcer = await enforcerOf(rules, { m: 'r.sub == p.sub && fits(r.obj, p.obj)' });
    await enforcer.addFunction('fits', (asked: string, given: string) => {
      if (given === 'broken') throw new Error('out of order');
      return asked === given;
    });
    expect((await explain(enforcer, 'user', 'logs', 'read')).slice(2)).toEqual([
      '  closest  p, user, data, read — obj: data does not match logs',
    ]);
  });

  test('also if a role manager throws that the decision did not ask', async () => {
    class Fragile extends DefaultRoleManager {
      override async hasLink(name: string, role: string): Promise<boolean> {
        if (role === 'broken') throw new Error('out of order');
        return name === role;
      }
    }
    const rules = ['p, broken, data, read', 'p, user, data, read'];
    const enforcer = await enforcerOf(rules, { m: 'r.act == p.act && g(r.sub, p.sub)' });
    enforcer.setRoleManager(new Fragile(10));
    await enforcer.buildRoleLinks();
    expect(await explain(enforcer, 'user', 'data', 'write')).toContain(
      '  closest  p, user, data, read — act is read',
    );
  });

  test('with a value that the enforcer reads as JSON', async () => {
    const enforcer = await enforcerOf(['p, user, data, read'], {
      m: 'r.sub.Role == p.sub && r.act == p.act',
    });
    enforcer.enableAcceptJsonRequest(true);
    expect((await explain(enforcer, '{"Role":"user"}', 'data', 'write')).at(-2)).toBe(
      '  closest  p, user, data, read — act is read',
    );
  });
});

test('a role that a matching function gives is not called missing', async () => {
  const enforcer = await enforcerOf(['p, staff, data, read', 'g, staff-.*, staff']);
  await enforcer.addNamedMatchingFunc('g', (name: string, pattern: string) =>
    new RegExp(`^${pattern}$`).test(name),
  );
  await enforcer.buildRoleLinks();
  await expect(enforcer).toAllow('staff-7', 'data', 'read');

  expect((await explain(enforcer, 'staff-7', 'data', 'write')).slice(3)).toEqual([
    '  closest  p, staff, data, read — act is read',
    '  unknown  no rule has act = write, only read',
  ]);
});

test.each([
  { what: 'without any rule', e: 'some(where (p.eft == allow))', answer: 'denied: no rule allows it' },
  {
    what: 'that denies by rules only',
    e: '!some(where (p.eft == deny))',
    answer: 'allowed: no rule denies it',
  },
])('a policy $what is explained', async ({ e, answer }) => {
  const lines = await explain(await newEnforcer(model({ e })), 'alice', 'data', 'read');
  expect(lines[1]).toBe(`  answer   ${answer}`);
  expect(lines.join()).not.toContain('no rule has');
});

test('a matcher that asks no rule is named as what decided', async () => {
  const enforcer = await enforcerOf(['p, x, y, z'], { m: 'r.sub == "root"' });
  expect((await explain(enforcer, 'root', 'data', 'read'))[1]).toBe(
    '  answer   allowed by the matcher alone, which uses no rule',
  );
});
