import { newModelFromString } from 'casbin';
import type pg from 'pg';
import { describe, expect, test } from 'vitest';
import { bootstrapDatabase, createEnforcer, createLiveEnforcer, type LiveEnforcer } from '../../src/index.ts';
import { modelText } from '../casbin/models.fixture.ts';
import { createDatabase } from '../support/database.ts';

function modelWith(call: string) {
  return newModelFromString(modelText({ m: `g(r.sub, p.sub) && r.act == p.act && ${call}` }));
}

async function open(call: string) {
  const pool = (await createDatabase()).pool();
  const options = { model: modelWith(call), policy: null, seeders: [] } as const;
  await bootstrapDatabase(pool, { ...options, journal: true });
  return { pool, options };
}

async function insert(pool: pg.Pool, pattern: string) {
  await pool.query('insert into casbin (ptype, rule) values ($1, $2)', [
    'p',
    JSON.stringify(['clerk', pattern, 'read']),
  ]);
}

describe.each<[name: string, call: string, invalid: string, valid: string, matching: string]>([
  ['regexMatch', 'regexMatch(r.obj, p.obj)', '/inv(', '/inv.*', '/invoices'],
  ['keyMatch2', 'keyMatch2(r.obj, p.obj)', '/inv[', '/inv/:id', '/inv/7'],
  ['keyMatch3', 'keyMatch3(r.obj, p.obj)', '/inv)', '/inv/{id}', '/inv/7'],
  ['keyMatch5', 'keyMatch5(r.obj, p.obj)', '/(inv', '/inv/*', '/inv/7'],
  ['keyMatch2 for ever', 'keyMatch2(r.obj, p.obj)', '/inv/:', '/inv/:id', '/inv/7'],
  ['keyMatch4 for ever', 'keyMatch4(r.obj, p.obj)', '/inv/{id', '/inv/{id}', '/inv/7'],
  ['ipMatch', 'ipMatch(r.obj, p.obj)', 'nowhere/8', '10.0.0.0/8', '10.1.2.3'],
  ['ipMatch without a mask', 'ipMatch(r.obj, p.obj)', 'localhost', '10.1.2.3', '10.1.2.3'],
  ['ipMatch with too few numbers', 'ipMatch(r.obj, p.obj)', '10.1.2', 'fe80::1', 'fe80::1'],
])('a stored rule with a pattern that %s does not take', (name, call, invalid, valid, matching) => {
  const [called = ''] = name.split(' ');

  test('is an error when an enforcer or a live enforcer is created; a valid pattern is not', async () => {
    const { pool, options } = await open(call);
    await insert(pool, valid);
    const enforcer = await createEnforcer(pool, options);
    await using live = await createLiveEnforcer(pool, options);
    expect(await enforcer.enforce('clerk', matching, 'read')).toBe(true);
    expect(await live.enforce('clerk', matching, 'read')).toBe(true);

    await insert(pool, invalid);

    const fault = {
      code: 'RULES_DO_NOT_FIT_MODEL',
      ids: [2],
      message: expect.stringContaining(`${called} does not take the pattern`),
    };
    await expect(createEnforcer(pool, options)).rejects.toMatchObject(fault);
    await expect(createLiveEnforcer(pool, options)).rejects.toMatchObject(fault);
  });

  test('is refused when it is written through a live enforcer', async () => {
    const { pool, options } = await open(call);
    await using live = await createLiveEnforcer(pool, options);
    await expect(live.addPolicy('clerk', invalid, 'read')).rejects.toMatchObject({ code: 'INVALID_OPTIONS' });
    expect(await live.addPolicy('clerk', valid, 'read')).toBe(true);
    expect((await pool.query('select from casbin')).rowCount).toBe(1);
  });

  test('does not change an existing live enforcer until the rule is removed', async () => {
    const { pool, options } = await open(call);
    await insert(pool, valid);
    const errors: Error[] = [];
    await using live: LiveEnforcer = await createLiveEnforcer(pool, {
      ...options,
      onError: (error) => errors.push(error),
    });

    await insert(pool, invalid);
    await expect(live.caughtUp()).rejects.toMatchObject({ code: 'RULES_DO_NOT_FIT_MODEL' });

    expect(errors[0]?.message).toContain(`${called} does not take the pattern`);
    expect(await live.enforce('clerk', matching, 'read')).toBe(true);
    await pool.query('delete from casbin where id = 2');
    await expect.poll(() => live.caughtUp().then(() => live.state.error)).toBe(null);
  });
});

test('a stored pattern that could take for ever is an error when a live enforcer is made', async () => {
  const { pool, options } = await open('regexMatch(r.obj, p.obj)');
  await insert(pool, '^(a+)+$');

  await expect(createLiveEnforcer(pool, options)).rejects.toMatchObject({
    code: 'STORED_RULE_INVALID',
    message: expect.stringContaining('may take for ever'),
  });
});

test('a stored address range whose mask means nothing decides as it does in Casbin, and is a warning', async () => {
  const { pool, options } = await open('ipMatch(r.obj, p.obj)');
  await insert(pool, '10.0.0.0/33');

  const enforcer = await createEnforcer(pool, options);
  await using live = await createLiveEnforcer(pool, options);
  const { verification } = await bootstrapDatabase(pool, options);

  expect(await enforcer.enforce('clerk', '192.168.1.1', 'read')).toBe(true);
  expect(await live.enforce('clerk', '192.168.1.1', 'read')).toBe(true);
  expect(verification.integrity).toMatchObject([
    { severity: 'warning', message: expect.stringContaining('10.0.0.0/33') },
  ]);
});
