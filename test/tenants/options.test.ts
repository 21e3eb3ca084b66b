import { describe, expect, test } from 'vitest';
import { bootstrapTenants, InvalidOptionsError, type Problem, type Tenant } from '../../src/index.ts';
import { failureOf } from '../refusals/refusal.fixture.ts';

const UNTOUCHED = {
  connect: () => Promise.reject(new Error('the database was touched')),
};

/** What tenants and options of any shape are refused for, as a caller in JavaScript may give them. */
async function problemsOf(tenants: unknown, options: unknown = {}): Promise<readonly Problem[]> {
  const error = await failureOf(() => Reflect.apply(bootstrapTenants, undefined, [tenants, options]));
  if (!(error instanceof InvalidOptionsError)) throw error;
  return error.problems;
}

describe('options for tenants that are wrong', () => {
  test.each<[string, unknown, RegExp]>([
    ['concurrency', { concurrency: 0 }, /^must be 1 or more \(it is 0\)\.$/],
    ['concurrency', { concurrency: -1 }, /^must be 1 or more/],
    ['concurrency', { concurrency: 1.5 }, /^must be a whole number of tenants \(it is 1\.5\)\.$/],
    ['concurrency', { concurrency: Number.POSITIVE_INFINITY }, /^must be a whole number of tenants/],
    ['concurrency', { concurrency: 2 ** 53 }, /^must be a whole number of tenants/],
    ['concurrency', { concurrency: '4' }, /^must be a number of tenants \(it is "4"\)\.$/],
    ['options', null, /^must be an object of options/],
    ['concurency', { concurency: 2 }, /^there is no such option\. Did you mean concurrency\?$/],
    ['logger.child', { logger: { info() {}, warn() {}, debug() {}, child: {} } }, /^must be a function/],
    ['dryRun', { dryRun: 1 }, /^must be true or false/],
  ])('are refused by their path: %s of %o', async (at, options, message) => {
    const problems = await problemsOf([{ name: 'a', pool: UNTOUCHED }], options);
    expect(problems).toEqual([
      { code: expect.stringMatching(/^OPTION_/), at, message: expect.stringMatching(message) },
    ]);
  });
});

describe('a list of tenants that is wrong', () => {
  const MISSHAPEN = /must be a tenant with a name and a pool/;

  test.each<[string, unknown, RegExp]>([
    ['tenants', undefined, /^must be a list of tenants, or an iterable of them\.$/],
    ['tenants', UNTOUCHED, /^must be a list of tenants/],
    ['tenants', 'acme', /^must be a list of tenants/],
    ['tenants[0]', [null], MISSHAPEN],
    ['tenants[0]', [Promise.resolve({ name: 'a', pool: UNTOUCHED })], /must be a tenant/],
    ['tenants[0] name', [{ pool: UNTOUCHED }], MISSHAPEN],
    ['tenants[0] name', [{ name: '', pool: UNTOUCHED }], /^must not be empty/],
    ['tenants[0] "a" pool', [{ name: 'a' }], /^must have a connect method.* Or give a function/],
    ['tenants[0] "a" pool', [{ name: 'a', pool: {} }], /^must have a connect method/],
    [
      'tenants[0] "a" schema',
      [{ name: 'a', schema: 'pg_x', pool: UNTOUCHED }],
      /^must not be a schema of Postgre/,
    ],
    ['tenants[0] "a" shema', [{ name: 'a', shema: 'b', pool: UNTOUCHED }], /^there is no such option/],
  ])('is refused by its place: %s of %o', async (at, tenants, message) => {
    expect(await problemsOf(tenants)).toEqual([
      { code: expect.stringMatching(/^OPTION_/), at, message: expect.stringMatching(message) },
    ]);
  });

  test('shows nothing of a connection string that was given instead of a pool', async () => {
    const error = await failureOf(() =>
      Reflect.apply(bootstrapTenants, undefined, [
        [{ name: 'a', pool: 'postgres://me:correct-horse@host/db' }],
      ]),
    );
    expect(error.message).toMatch(/not a connection string\. .*Or give a function that makes one/);
    expect(JSON.stringify(error) + error.message).not.toContain('correct-horse');
  });

  test('is refused for each name that comes twice', async () => {
    const names = ['a', 'b', 'a', 'c', 'b', 'a'];
    const tenants = names.map((name, index) => ({ name, schema: `s${index}`, pool: UNTOUCHED }));
    expect(await problemsOf(tenants)).toEqual(
      ['tenants[2] "a"', 'tenants[4] "b"', 'tenants[5] "a"'].map((at) => ({
        code: 'TENANT_DUPLICATE',
        at,
        message: 'another tenant has that name. Give each its own, once.',
      })),
    );
  });

  test('has one problem if the same tenant comes twice', async () => {
    const tenant = { name: 'a', schema: 's', pool: UNTOUCHED };
    expect(await problemsOf([tenant, tenant])).toMatchObject([
      { at: 'tenants[1] "a"', message: 'another tenant has that name. Give each its own, once.' },
    ]);
  });

  test('is refused for two tenants in one schema of one pool, but not of two', async () => {
    const other = { ...UNTOUCHED };
    expect(
      await problemsOf([
        { name: 'a', schema: 's', pool: UNTOUCHED },
        { name: 'b', schema: 's', pool: other },
        { name: 'c', schema: 's', pool: UNTOUCHED },
        { name: 'd', pool: other },
        { name: 'e', pool: other },
      ]),
    ).toMatchObject(
      [
        { code: 'TENANT_DUPLICATE', at: 'tenants[2] "c"', message: /same pool and schema as the tenant "a"/ },
        { code: 'TENANT_DUPLICATE', at: 'tenants[4] "e"', message: /same pool and schema as the tenant "d"/ },
      ].map((problem) => ({ ...problem, message: expect.stringMatching(problem.message) })),
    );
  });

  test('is refused when reading it throws', async () => {
    function* tenants(): Generator<Tenant> {
      yield { name: 'a', pool: UNTOUCHED };
      throw new Error('no more');
    }
    expect(await problemsOf(tenants())).toEqual([
      {
        code: 'OPTION_INVALID',
        at: 'tenants',
        message: 'reading them threw: no more. Fix the iterable.',
      },
    ]);
  });

  test('is refused together with the problems of the options', async () => {
    const problems = await problemsOf([{ name: 'a' }, null], {
      concurrency: 0,
      model: 'no-such.conf',
      policy: { rules: [['p', 'a\0', 'b', 'c']] },
    });
    expect(problems.map(({ code, at }) => `${at} ${code}`).sort()).toEqual([
      'concurrency OPTION_INVALID',
      'no-such.conf MODEL_NOT_FOUND',
      'policy.rules[0] VALUE_UNSTORABLE',
      'tenants[0] "a" pool OPTION_INVALID',
      'tenants[1] OPTION_INVALID',
    ]);
  });
});

test('an async iterable is not begun when the options are wrong', async () => {
  let begun = false;
  async function* tenants(): AsyncGenerator<Tenant> {
    begun = true;
    yield { name: 'a', pool: UNTOUCHED };
  }
  await expect(bootstrapTenants(tenants(), { concurrency: 0 })).rejects.toThrow(InvalidOptionsError);
  expect(begun).toBe(false);
});
