import { readdir, readlink } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { lockDirectory } from '../../src/embedded/pglite.ts';
import { createFolder } from '../support/folder.ts';

test('a locked folder can be locked again only after its release', async () => {
  const folder = await createFolder();
  const first = await lockDirectory(folder);
  await expect(lockDirectory(folder, 0)).rejects.toThrow(/is in use by/);

  await first.release();
  const second = await lockDirectory(folder, 0);
  await second.release();
});

test('a process that waits for a folder gets it when it is released', async () => {
  const folder = await createFolder();
  const first = await lockDirectory(folder);
  const waiting = lockDirectory(folder);

  await first.release();
  const second = await waiting;
  await second.release();
});

test('a process that waited in vain gets the folder, the process that uses it, and what to do', async () => {
  const folder = await createFolder();
  // An earlier holder has left its name.
  await (await lockDirectory(folder)).release();
  const lock = await lockDirectory(folder);

  await expect(lockDirectory(folder, 1)).rejects.toMatchObject({
    name: 'ConnectionError',
    code: 'CONNECTION_FAILED',
    message:
      `The embedded database in ${folder} is in use by process ${process.pid} and was not free within 1 ms. ` +
      'Stop that process or, if it is this one, end its other pool; or use another folder.',
  });
  await lock.release();
});

test('two folders are locked independently', async () => {
  const locks = await Promise.all(
    [createFolder(), createFolder()].map(async (folder) => lockDirectory(await folder, 0)),
  );
  for (const lock of locks) await lock.release();
});

test.runIf(process.platform === 'linux')('a process that waited in vain keeps no file open', async () => {
  const folder = await createFolder();
  const lock = await lockDirectory(folder);
  const open = async () => {
    const files = await Promise.all(
      (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')),
    );
    return files.filter((file) => file.startsWith(folder)).length;
  };
  const before = await open();

  await expect(lockDirectory(folder, 0)).rejects.toThrow(/is in use by/);

  expect(await open()).toBe(before);
  await lock.release();
});
