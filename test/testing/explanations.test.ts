import { type Enforcer, newEnforcer } from 'casbin';
import { expect, test } from 'vitest';
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

test('a subject with many roles is shown with the first of them', async () => {
  const roles = Array.from({ length: 6 }, (_, index) => `g, alice, role${index}`);
  const lines = await explain(await enforcerOf(['p, user, data, read', ...roles]), 'alice', 'data', 'read');
  expect(lines.slice(2, 8)).toEqual([
    '  roles    alice → role0',
    '           alice → role1',
    '           alice → role2',
    '           alice → role3',
    '           …',
    '  closest  p, user, data, read — alice is not user',
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

test('a pattern is said to be what may not match', async () => {
  const enforcer = await enforcerOf(['p, user, /users/*, read'], {
    m: 'r.sub == p.sub && keyMatch(r.obj, p.obj)',
  });
  expect((await explain(enforcer, 'user', '/accounts/1', 'read')).at(-1)).toBe(
    '  closest  p, user, /users/*, read — obj: /users/* may not match /accounts/1',
  );
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
});

test('a matcher that asks no rule is named as what decided', async () => {
  const enforcer = await enforcerOf(['p, x, y, z'], { m: 'r.sub == "root"' });
  expect((await explain(enforcer, 'root', 'data', 'read'))[1]).toBe(
    '  answer   allowed by the matcher alone, which uses no rule',
  );
});
