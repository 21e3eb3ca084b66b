import { readdir } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { createDatabase } from '../support/database.ts';
import { readBlocks, runBlocks } from './readme.fixture.ts';

/** How many blocks of commands the README of each folder has; other tests run the rest. */
const FOLDERS = [
  ['smallest', 2],
  ['seeders', 2],
  ['tenants-by-domain', 3],
] as const;
const ELSEWHERE = ['fastify-api', 'nest-api', 'policy-in-ci', 'testing'];

test('every folder of examples is run', async () => {
  const entries = await readdir('examples', { withFileTypes: true });
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  expect(folders.sort()).toEqual([...FOLDERS.map(([folder]) => folder), ...ELSEWHERE].sort());
});

test.for(FOLDERS)('the commands in the README of %s print what it shows', async ([folder, count]) => {
  const blocks = await readBlocks(`examples/${folder}/README.md`);
  expect(blocks).toHaveLength(count);
  const { url } = await createDatabase();
  for (const { printed, shown } of await runBlocks(blocks, { databaseUrl: url })) {
    if (shown !== null) expect(printed).toBe(shown);
  }
});
