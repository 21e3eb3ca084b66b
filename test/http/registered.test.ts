import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

test.for(['registered', 'registered-domains'])(
  'in a program that registers its policy, a misspelt permission does not compile: %s',
  async (folder) => {
    const compiled = promisify(execFile)('node_modules/.bin/tsc', ['-p', `test/http/${folder}`]);
    await expect(compiled.catch(({ stdout }) => ({ stdout }))).resolves.toMatchObject({ stdout: '' });
  },
);
