import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { bootstrapDatabase } from '../../src/index.ts';
import { createDatabase } from '../support/database.ts';
import { createFolder } from '../support/folder.ts';
import { runCli } from './run-cli.ts';

test('casbin-bootstrap report writes a page of a database', async () => {
  const database = await createDatabase();
  await bootstrapDatabase(database.pool());
  const cwd = await createFolder();
  const result = await runCli(['report', '--html', 'page.html'], {
    cwd,
    env: { DATABASE_URL: database.url },
  });
  expect(result).toMatchObject({ code: 0, stderr: '' });
  expect(result.stdout).toMatch(/^Database: PostgreSQL at .*\n\nWrote page\.html \(\d+ kB\)\.\n$/);
  expect(await readFile(join(cwd, 'page.html'), 'utf8')).toContain('The database decides as defined');

  await database.pool().query(`insert into casbin (ptype, rule)
    values ('g', '["alice", "user"]'), ('p', '["user", "accounts", "delete"]')`);
  const env = { DATABASE_URL: database.url };
  expect(await runCli(['report', '--html', 'page.html'], { cwd, env })).toMatchObject({ code: 0 });
  const named = await readFile(join(cwd, 'page.html'), 'utf8');
  expect(named).toContain('The database decides as defined, and has more than that');
  expect(named).toContain('alice');
  const args = ['report', '--html', 'page.html', '--strict', '--no-users'];
  expect(await runCli(args, { cwd, env })).toMatchObject({ code: 0 });
  const strict = await readFile(join(cwd, 'page.html'), 'utf8');
  expect(strict).toContain('The database does not decide as defined');
  expect(strict).not.toContain('alice');
});

test('casbin-bootstrap report writes a page of a policy file without a database', async () => {
  const cwd = await createFolder();
  await writeFile(join(cwd, 'policy.json'), '{ "rules": [["p", "a", "x", "read"]] }');
  const report = (...args: string[]) => runCli(['report', '--policy', 'policy.json', ...args], { cwd });
  const result = await report('--html', 'page.html', '--json');
  expect(result).toMatchObject({ code: 0, stderr: '' });
  const html = await readFile(join(cwd, 'page.html'), 'utf8');
  expect(JSON.parse(result.stdout)).toEqual({ file: 'page.html', bytes: Buffer.byteLength(html) });
  expect(html).toContain('The policy as it is defined');
  const ofDefault = await runCli(['report', '--offline', '--html', 'default.html'], { cwd });
  expect(ofDefault.stdout).toMatch(/^The default policy is used, /);
  expect(await report()).toMatchObject({ code: 2, stderr: expect.stringContaining('--html <file>') });
  expect(await report('--html', 'a/new/folder/page.html')).toMatchObject({ code: 0, stderr: '' });
  expect(await readFile(join(cwd, 'a/new/folder/page.html'), 'utf8')).toBe(html);
  const lost = await report('--html', 'page.html/none/page.html');
  expect(lost).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(
      /--html: page\.html\/none\/page\.html can't be written: EEXIST: file already exists, mkdir 'page\.html'\. Give/,
    ),
  });
});
