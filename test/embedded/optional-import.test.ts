import { expect, test } from 'vitest';
import { importOptional } from '../../src/embedded/pglite.ts';

test('a package that is not installed is an error that says how to go on without it', async () => {
  const cause = new Error("Cannot find package '@electric-sql/pglite'");
  for (const name of ['@electric-sql/pglite', 'fs-native-extensions']) {
    await expect(importOptional(name, () => Promise.reject(cause))).rejects.toMatchObject({
      name: 'ConnectionError',
      code: 'CONNECTION_FAILED',
      message: expect.stringMatching(/npm install @electric-sql\/pglite fs-native-extensions.*DATABASE_URL/),
      cause,
    });
  }
});

test('in Jest without its option for modules, the error names that option', async () => {
  const cause = Object.assign(new TypeError('A dynamic import callback was invoked'), {
    code: 'ERR_VM_DYNAMIC_IMPORT_CALLBACK_MISSING_FLAG',
  });
  const refused = importOptional('@electric-sql/pglite', () => Promise.reject(cause));

  await expect(refused).rejects.toThrow(/NODE_OPTIONS=--experimental-vm-modules/);
  await expect(refused).rejects.not.toThrow(/npm install/);
});
