import { expect, test } from 'vitest';
import { runVitest } from './run-vitest.ts';

test('the tests of the example project pass', async () => {
  const { message = 'not run', tests = [] } =
    (await runVitest('examples/testing')).get('policy.test.js') ?? {};
  expect(message).toBe('');
  expect(tests.filter(({ status }) => status !== 'passed')).toEqual([]);
  expect(tests.map(({ name }) => name)).toEqual(
    expect.arrayContaining([
      'policy › derived from the rules › viewer may not approve invoices',
      'in the database › policy › never › viewer may never write invoices',
      'who leaves has no permissions any more',
    ]),
  );
}, 180_000);
