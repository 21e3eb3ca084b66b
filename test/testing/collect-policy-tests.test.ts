import { AssertionError } from 'node:assert';
import { newModelFromString } from 'casbin';
import { expect, test, vi } from 'vitest';
import { definePolicy } from '../../src/index.ts';
import { collectPolicyTests } from '../../src/testing/index.ts';
import { modelText } from '../casbin/models.fixture.ts';
import { DOMAINS, enforcerOf, model } from './enforcers.fixture.ts';

const policy = definePolicy({
  roles: {
    readonly: { permissions: { accounts: ['read'] } },
    user: { inherits: ['readonly'], permissions: { accounts: ['write'] } },
  },
  allow: [['user', 'accounts', 'read']],
  never: [['readonly', 'accounts', 'write']],
});

/** One rule is gone. */
const drifted = () => enforcerOf(['p, readonly, accounts, read', 'g, user, readonly']);

test('there is a test for each expectation, with its group, for any runner', async () => {
  const { tests } = await collectPolicyTests(policy, { target: drifted });

  expect(tests.map(({ group, name }) => `${group}: ${name}`)).toEqual([
    'derived from the rules: readonly may read accounts',
    'derived from the rules: user may write accounts',
    'derived from the rules: a subject without any role may not read accounts',
    'derived from the rules: a subject without any role may not write accounts',
    'allow: user may read accounts',
    'never: readonly may never write accounts',
  ]);
});

test('a test names the domain of its request, where the model has some', async () => {
  const definition = {
    rules: [['p', 'user', 'one', 'data', 'read']],
    allow: [['user', 'one', 'data', 'read']],
  };
  const { tests } = await collectPolicyTests(definition, { model: model(DOMAINS) });
  expect(tests.map(({ name }) => name)).toEqual(['user may read data in one']);
});

test('each rejects as assertAllowed and assertDenied do, without any preparation', async () => {
  const { tests } = await collectPolicyTests(policy, { target: drifted });

  const results = await Promise.allSettled(tests.map(({ run }) => run()));

  expect(results.map(({ status }) => status)).toEqual([
    'fulfilled',
    'rejected',
    ...Array(4).fill('fulfilled'),
  ]);
  expect(results[1]).toMatchObject({ reason: expect.any(AssertionError) });
  await expect(tests[1]?.run()).rejects.toThrow('"user, accounts, write" is denied\n\n  request  sub = user');
});

test('a target is called once, and not while tests are being collected', async () => {
  const target = vi.fn(drifted);
  const { tests, prepare } = await collectPolicyTests(policy, { target });
  expect(target).not.toHaveBeenCalled();

  await prepare();
  expect(target).toHaveBeenCalledTimes(1);

  await prepare();
  for (const { run } of tests) await run().catch(() => {});
  expect(target).toHaveBeenCalledTimes(1);
});

test('options that can not be used reject, together with what is wrong with the definition', async () => {
  const wrong = { configureEnforcer: 1 } as object;
  await expect(
    collectPolicyTests({ roles: { user: { inherits: ['nobody'] } } }, wrong),
  ).rejects.toMatchObject({
    problems: [{ at: 'configureEnforcer' }, { at: 'policy.roles.user.inherits[0]' }],
  });
});

test('a definition that has nothing to test rejects', async () => {
  await expect(collectPolicyTests({ roles: policy.roles ?? {} })).rejects.toMatchObject({
    code: 'INVALID_OPTIONS',
    message: expect.stringContaining('it has no allow, deny or never'),
  });
});

test('a definition with a pattern that Casbin never finishes reading rejects', async () => {
  const patterns = newModelFromString(modelText({ m: 'keyMatch2(r.obj, p.obj) && r.sub == p.sub' }));
  const definition = { rules: [['p', 'eve', '/inv/:', 'read']], allow: [['eve', '/inv/7', 'read']] };
  await expect(collectPolicyTests(definition, { model: patterns })).rejects.toMatchObject({
    problems: [{ code: 'PATTERN_ENDLESS', at: 'policy.rules[0]' }],
  });
});
