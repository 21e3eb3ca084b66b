import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { createFolder } from '../support/folder.ts';
import { runCli, spawnCli } from './run-cli.ts';

test('casbin-bootstrap init prepares a project, asks nothing without a terminal, and its commands work', async () => {
  const cwd = await createFolder();
  writeFileSync(join(cwd, 'package.json'), '{}');
  mkdirSync(join(cwd, 'node_modules'));
  symlinkSync(fileURLToPath(new URL('../..', import.meta.url)), join(cwd, 'node_modules/casbin-bootstrap'));
  const init = await runCli(['init'], { cwd });
  expect(init).toMatchObject({ code: 0, stderr: '' });
  expect(init.stdout).toMatch(
    /^Created:\n {2}model\.conf\n.*Left as they are:\n {2}package\.json\n.*Next:\n {2}npm install casbin-bootstrap .*\n {2}npx casbin-bootstrap lint\n/s,
  );
  expect(readFileSync(join(cwd, 'package.json'), 'utf8')).toBe('{}');
  expect(await runCli(['init', '--yes', '--json'], { cwd })).toMatchObject({ code: 0, stderr: '' });
  expect(readFileSync(join(cwd, 'package.json'), 'utf8')).toContain('casbin-bootstrap seed');
  expect(await spawnCli(['lint', '--coverage', '100'], { cwd })).toMatchObject({ code: 0, stderr: '' });
  expect(await spawnCli(['test', 'policy.test.yaml'], { cwd })).toMatchObject({ code: 0, stderr: '' });
});
