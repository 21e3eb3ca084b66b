import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, expectTypeOf, test } from 'vitest';
import type { RequestArguments } from '../../src/testing/index.ts';

const run = promisify(execFile);

test.for(['registered', 'registered-domains'])(
  'in a program that registers its policy, a misspelt name does not compile: %s',
  async (folder) => {
    const compiled = run('node_modules/.bin/tsc', ['-p', `test/testing/${folder}`]);
    await expect(compiled.catch(({ stdout }) => ({ stdout }))).resolves.toMatchObject({ stdout: '' });
  },
);

test('in any other program, requests are of any strings and objects', () => {
  expectTypeOf<RequestArguments>().toEqualTypeOf<(string | object)[]>();
});
