import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readBlocks, runBlocks } from '../test/examples/readme.fixture.ts';
import { createDatabase } from '../test/support/database.ts';
import { installExample } from './install-example.ts';

const EXAMPLE = 'examples/fastify-api';

/** Replaces a part of a file of the copy, which must be there. */
async function change(folder: string, file: string, part: string, other: string): Promise<void> {
  const path = join(folder, file);
  const text = await readFile(path, 'utf8');
  expect(text).toContain(part);
  await writeFile(path, text.replace(part, other));
}

/** What the tests of the example print, where they fail. */
async function failedTests(folder: string): Promise<string> {
  const own = Object.entries(process.env).filter(([name]) => !/^(VITEST|NODE_|TEST$)/.test(name));
  const options = { cwd: folder, env: Object.fromEntries(own) };
  return new Promise((resolve, reject) => {
    execFile(process.execPath, ['--test'], options, (error, stdout) => {
      if (error === null) reject(new Error(`the tests passed:\n${stdout}`));
      else resolve(stdout);
    });
  });
}

test('the first commands in the README of the Fastify API prove its routes', async () => {
  const folder = await installExample(EXAMPLE);
  const [proof, ...others] = await readBlocks(join(folder, 'README.md'));
  expect(others).toHaveLength(3);
  const { url } = await createDatabase();
  const [ran] = await runBlocks(proof === undefined ? [] : [proof], { databaseUrl: url, folder });
  expect(ran?.printed).toMatch(/fail 0\n/);
});

test('the others print what it shows: two instances, a grant, a revocation, and who made them', async () => {
  const folder = await installExample(EXAMPLE);
  const [, ...blocks] = await readBlocks(join(folder, 'README.md'));
  const { url } = await createDatabase();
  for (const { printed, shown } of await runBlocks(blocks, { databaseUrl: url, folder })) {
    expect(printed).toBe(shown);
  }
});

test('a route without a permission fails its tests, by name', async () => {
  const folder = await installExample(EXAMPLE);
  await change(folder, 'app.js', "app.get('/invoices', needs('invoices', 'read'), ", "app.get('/invoices', ");
  expect(await failedTests(folder)).toContain('Route GET /invoices says neither config.permission');
});

test('where nothing refuses such a route, its callers are told from those of the policy', async () => {
  const folder = await installExample(EXAMPLE);
  await change(folder, 'app.js', "app.get('/invoices', needs('invoices', 'read'), ", "app.get('/invoices', ");
  await change(folder, 'permissions.js', 'throw new Error(', 'void String(');
  await change(folder, 'permissions.js', 'isPublic === true', 'permission === undefined');
  expect(await failedTests(folder)).toMatch(
    /not ok \d+ - GET \/invoices by visitor|✖ GET \/invoices by visitor/,
  );
});

test('a route with the permission of another one is told by the list of who may call what', async () => {
  const folder = await installExample(EXAMPLE);
  await change(folder, 'app.js', "needs('invoices', 'approve')", "needs('invoices', 'write')");
  expect(await failedTests(folder)).toMatch(/(not ok \d+ -|✖) who may call what is as it is written above/);
});
