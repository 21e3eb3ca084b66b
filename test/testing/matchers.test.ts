import { newCachedEnforcer, newEnforcer, StringAdapter } from 'casbin';
import { describe, expect, test } from 'vitest';
import '../../src/testing/vitest.ts';
import { builds, enforcerOf, model, RULES } from './enforcers.fixture.ts';

describe.each(builds)('an enforcer of the $build build', ({ casbin }) => {
  test('must decide its allow and deny as it says', async () => {
    const enforcer = await enforcerOf(RULES, {}, casbin);

    await expect(enforcer).toAllow('alice', 'accounts', 'write');
    await expect(enforcer).toDeny('readonly', 'accounts', 'write');
    await expect(enforcer).not.toAllow('readonly', 'accounts', 'write');
    await expect(enforcer).not.toDeny('alice', 'accounts', 'write');
  });

  test('makes the test fail when the answer is not the expected one', async () => {
    const enforcer = await enforcerOf(RULES, {}, casbin);
    const denied = '"readonly, accounts, write" is denied';
    const allowed = '"alice, accounts, write" is allowed';

    await expect(expect(enforcer).toAllow('readonly', 'accounts', 'write')).rejects.toThrow(denied);
    await expect(expect(enforcer).not.toDeny('readonly', 'accounts', 'write')).rejects.toThrow(denied);
    await expect(expect(enforcer).toDeny('alice', 'accounts', 'write')).rejects.toThrow(allowed);
    await expect(expect(enforcer).not.toAllow('alice', 'accounts', 'write')).rejects.toThrow(allowed);
  });
});

test('asynchronous functions of a matcher are awaited', async () => {
  const rules = ['p, admin, /users/*, read', 'g, alice, admin'];
  const enforcer = await enforcerOf(rules, { m: 'under(r.obj, p.obj) && g(r.sub, p.sub) && r.act == p.act' });
  await enforcer.addFunction('under', async (path: string, pattern: string) =>
    path.startsWith(pattern.replace('*', '')),
  );

  await expect(enforcer).toAllow('alice', '/users/1', 'read');
  await expect(enforcer).toDeny('alice', '/accounts/1', 'read');
});

test('a request may contain objects with attributes', async () => {
  const enforcer = await enforcerOf(['p, x, data, read'], { m: 'r.sub.Age > 18 && r.obj == p.obj' });

  await expect(enforcer).toAllow({ Age: 20 }, 'data', 'read');
  await expect(expect(enforcer).toAllow({ Age: 3 }, 'data', 'read')).rejects.toThrow(
    '"{ Age: 3 }, data, read" is denied',
  );
  const written = { Age: 3, Name: 'Alice Liddell', Place: 'Wonderland', Team: 'cards', Friend: 'Hatter' };
  await expect(expect(enforcer).toAllow(written, 'data', 'read')).rejects.toThrow(
    `"{ Age: 3, Name: 'Alice Liddell', Place: 'Wonderland', Team: 'cards', Friend: 'Hatter' }, data, read" is denied`,
  );
});

describe('a request that can not be decided fails the test, also under not', () => {
  test('when it has too few or too many values', async () => {
    const enforcer = await enforcerOf(RULES);
    for (const request of [
      ['alice', 'accounts'],
      ['alice', 'accounts', 'read', 'now'],
    ]) {
      const message = `the request has ${request.length} values (${request.join(', ')}), but the model's requests have 3: sub, obj, act`;
      await expect(expect(enforcer).toDeny(...request)).rejects.toThrow(message);
      await expect(expect(enforcer).not.toAllow(...request)).rejects.toThrow(message);
    }
  });

  test('when Casbin throws', async () => {
    const enforcer = await enforcerOf(['p, x, y, z'], { m: 'regexMatch(r.obj, p.obj)' });
    await enforcer.addPolicy('x', '(', 'read');
    const message = `Casbin can't decide "alice, data, read": Invalid regular expression`;

    await expect(expect(enforcer).toDeny('alice', 'data', 'read')).rejects.toThrow(message);
    await expect(expect(enforcer).not.toAllow('alice', 'data', 'read')).rejects.toThrow(message);
  });

  test('when it is asked of something that is no enforcer', async () => {
    await expect(expect({}).toDeny('alice', 'data', 'read')).rejects.toThrow('need a Casbin enforcer');
  });
});

test('the answer is that of enforce, also where a cache makes it another than enforceEx gives', async () => {
  const enforcer = await newCachedEnforcer(model(), new StringAdapter('p, user, data, read'));
  await expect(enforcer).toAllow('user', 'data', 'read');
  await enforcer.removePolicy('user', 'data', 'read');

  await expect(enforcer).toAllow('user', 'data', 'read');
  await expect(expect(enforcer).toDeny('user', 'data', 'read')).rejects.toThrow(
    'allowed by enforce(), unlike enforceEx(): it is cached, or overridden',
  );
});

test('a disabled enforcer is recognised', async () => {
  const enforcer = await newEnforcer(model());
  enforcer.enableEnforce(false);

  await expect(expect(enforcer).toDeny('user', 'data', 'read')).rejects.toThrow(
    'allowed: the enforcer is disabled',
  );
});
