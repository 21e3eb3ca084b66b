import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readBlocks, runBlocks } from '../test/examples/readme.fixture.ts';
import { createDatabase } from '../test/support/database.ts';
import { installExample } from './install-example.ts';

test('the commands in the README of the Nest API print what it shows: two instances, a grant, a revocation, and who made them', async () => {
  const folder = await installExample('examples/nest-api');
  const [build, ...blocks] = await readBlocks(join(folder, 'README.md'));
  expect(blocks).toHaveLength(3);
  const { url } = await createDatabase();
  await runBlocks(build === undefined ? [] : [build], { databaseUrl: url, folder });
  for (const { printed, shown } of await runBlocks(blocks, { databaseUrl: url, folder })) {
    expect(printed).toBe(shown);
  }
}, 120_000);
