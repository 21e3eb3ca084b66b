import { existsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeFolder } from '../src/make-folder.ts';
import { createFolder } from './support/folder.ts';

test('a folder is made with those above it, by several at once too, and one that is there is left', async () => {
  const path = join(await createFolder(), 'a/b/c');
  await Promise.all([makeFolder(path), makeFolder(path), makeFolder(join(path, 'd'))]);
  expect(statSync(join(path, 'd')).isDirectory()).toBe(true);
  await makeFolder(path);
  await makeFolder('/');
});

test('a file in the way is named', async () => {
  const file = join(await createFolder(), 'file');
  writeFileSync(file, '');
  await expect(makeFolder(file)).rejects.toThrow(`EEXIST: file already exists, mkdir '${file}'`);
  await expect(makeFolder(`${file}/a/b`)).rejects.toThrow(`EEXIST: file already exists, mkdir '${file}'`);
});

test.runIf(existsSync('/proc'))('a folder that the system never makes is an error, at once', async () => {
  await expect(makeFolder('/proc/none/such')).rejects.toThrow(
    "ENOENT: no such file or directory, mkdir '/proc",
  );
});
