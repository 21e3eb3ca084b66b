import { AssertionError } from 'node:assert';
import { newEnforcer } from 'casbin';
import { describe, expect, test } from 'vitest';
import { bootstrapDatabase } from '../../src/index.ts';
import { assertAllowed, assertDenied } from '../../src/testing/index.ts';
import { createDatabase } from '../support/database.ts';
import { builds, enforcerOf, model, RULES } from './enforcers.fixture.ts';

describe.each(builds)('an enforcer of the $build build', ({ casbin }) => {
  test('must decide its allow and deny as it says', async () => {
    const enforcer = await enforcerOf(RULES, {}, casbin);

    await assertAllowed(enforcer, 'alice', 'accounts', 'write');
    await assertDenied(enforcer, 'readonly', 'accounts', 'write');
  });
});

test('a request that is denied fails with the explanation that the matcher has', async () => {
  const failed: unknown = await assertAllowed(await enforcerOf(RULES), 'readonly', 'accounts', 'write').catch(
    (error) => error,
  );

  expect(failed).toBeInstanceOf(AssertionError);
  expect(failed).toMatchObject({
    actual: 'denied',
    expected: 'allowed',
    operator: 'equal',
    message: [
      '"readonly, accounts, write" is denied',
      '',
      '  request  sub = readonly, obj = accounts, act = write',
      '  answer   denied: no rule allows it',
      '  roles    no "g" rule gives readonly a role',
      '  closest  p, user, accounts, write — readonly is not user',
      '           p, readonly, accounts, read — act is read',
      '',
    ].join('\n'),
    stack: expect.stringContaining('assertions.test.ts'),
  });
});

test('a request that is allowed fails with the rule and the path of roles to it', async () => {
  const failed: unknown = await assertDenied(await enforcerOf(RULES), 'alice', 'accounts', 'write').catch(
    (error) => error,
  );

  expect(failed).toBeInstanceOf(AssertionError);
  expect(failed).toMatchObject({
    actual: 'allowed',
    expected: 'denied',
    message: expect.stringContaining('  roles    alice → admin → user\n'),
  });
});

describe('a request that can not be decided is no denial', () => {
  test('when it has too few values', async () => {
    await expect(assertDenied(await newEnforcer(model()), 'alice', 'accounts')).rejects.toThrow(
      "the request has 2 values (alice, accounts), but the model's requests have 3: sub, obj, act",
    );
  });

  test('when Casbin throws', async () => {
    const enforcer = await enforcerOf(['p, x, y, z'], { m: 'regexMatch(r.obj, p.obj)' });
    await enforcer.addPolicy('x', '(', 'read');
    await expect(assertDenied(enforcer, 'alice', 'data', 'read')).rejects.toMatchObject({
      message: expect.stringMatching(/^Casbin can't decide "alice, data, read": ./),
      cause: expect.any(Error),
    });
  });

  test.each([undefined, {}, 'postgres://alice:secret@localhost/db'])(
    'when it is asked of %s',
    async (given) => {
      // @ts-expect-error: neither an enforcer nor a pool
      const failed: unknown = await assertDenied(given, 'alice', 'data', 'read').catch((error) => error);
      expect(failed).toBeInstanceOf(TypeError);
      expect(failed).toMatchObject({
        message: expect.stringMatching(/^assertAllowed and assertDenied need a Casbin enforcer, or a pool/),
      });
      expect(String(failed)).not.toContain('secret');
    },
  );
});

test('a pool is read again at each call', async () => {
  const pool = (await createDatabase()).pool({ max: 1 });
  await bootstrapDatabase(pool, { seeders: [] });
  await assertAllowed(pool, 'user', 'accounts', 'write');
  await assertDenied(pool, 'alice', 'accounts', 'write');

  await pool.query(`insert into casbin (ptype, rule) values ('g', '["alice", "user"]')`);

  await assertAllowed(pool, 'alice', 'accounts', 'write');
  await expect(assertDenied(pool, 'alice', 'accounts', 'write')).rejects.toThrow('alice → user');
});
