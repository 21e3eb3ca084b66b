import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { bootstrapDatabase, domainsModelPath } from '../../src/index.ts';
import { createDatabase } from '../support/database.ts';
import { createFolder } from '../support/folder.ts';
import { BIN, runCli, spawnCli } from './run-cli.ts';

test('casbin-bootstrap init prepares a project, asks nothing without a terminal, and its commands work', async () => {
  const cwd = await createFolder();
  writeFileSync(join(cwd, 'package.json'), '{}');
  mkdirSync(join(cwd, 'node_modules'));
  symlinkSync(fileURLToPath(new URL('../..', import.meta.url)), join(cwd, 'node_modules/casbin-bootstrap'));
  const init = await runCli(['init'], { cwd });
  expect(init).toMatchObject({ code: 0, stderr: '' });
  expect(init.stdout).toMatch(
    /^Created:\n {2}model\.conf\n.*Left as they are:\n {2}package\.json\n\nNo database was looked at: .*Next:\n {2}npm install casbin-bootstrap .*\n {2}npx casbin-bootstrap lint\n/s,
  );
  expect(readFileSync(join(cwd, 'package.json'), 'utf8')).toBe('{}');
  expect(await runCli(['init', '--yes', '--json'], { cwd })).toMatchObject({ code: 0, stderr: '' });
  expect(readFileSync(join(cwd, 'package.json'), 'utf8')).toContain('casbin-bootstrap seed');
  expect(await spawnCli(['lint', '--coverage', '100'], { cwd })).toMatchObject({ code: 0, stderr: '' });
  expect(await spawnCli(['test', 'policy.test.yaml'], { cwd })).toMatchObject({ code: 0, stderr: '' });
});

test('casbin-bootstrap init --yes adds scripts to package.json, and replaces nothing', async () => {
  const cwd = await createFolder();
  const files = {
    'policy.yaml': '# mine',
    'policy.test.yaml': '# mine',
    'casbin-bootstrap.config.mjs': 'export default {}; // mine',
  };
  for (const [path, text] of Object.entries(files)) writeFileSync(join(cwd, path), text);
  writeFileSync(join(cwd, 'package.json'), '{ "name": "mine" }');
  expect(await runCli(['init', '--yes'], { cwd })).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^Created:\n {2}model.conf\n\nChanged:\n {2}package.json\n\n/),
    stderr: '',
  });
  for (const [path, text] of Object.entries(files)) expect(readFileSync(join(cwd, path), 'utf8')).toBe(text);
  expect(readFileSync(join(cwd, 'package.json'), 'utf8')).toMatch(/"name": "mine".*casbin-bootstrap seed/s);
});

test.each([
  `export default { policy: { roles: { viewer: { permissions: { invoices: ['read'] } } } } };`,
  `export default { policy: 'access/policy.yaml' };`,
])('casbin-bootstrap init writes no policy beside that of a configuration: %s', async (text) => {
  const database = await createDatabase();
  const stored = { rules: [['p', 'clerk', 'acme', 'invoices', 'read']] };
  await bootstrapDatabase(database.pool(), { policy: stored, model: domainsModelPath, seeders: [] });
  const cwd = await createFolder();
  mkdirSync(join(cwd, 'access'));
  writeFileSync(join(cwd, 'access/policy.yaml'), 'roles: { viewer: { permissions: { invoices: [read] } } }');
  writeFileSync(join(cwd, 'casbin-bootstrap.config.mjs'), text);
  writeFileSync(join(cwd, 'package.json'), '{}');
  const init = await runCli(['init', '--yes'], { cwd, env: { DATABASE_URL: database.url } });
  expect(init).toMatchObject({ code: 0, stderr: '' });
  expect(init.stdout).toMatch(
    /^Changed:\n {2}package\.json\n\nLeft as they are:\n {2}casbin-bootstrap\.config\.mjs\n\ncasbin-bootstrap\.config\.mjs has a policy of its own, so no other one was written\.\n\nThere are no tests of your policy yet\./,
  );
  expect(readdirSync(cwd).sort()).toEqual(['access', 'casbin-bootstrap.config.mjs', 'package.json']);
  expect(readFileSync(join(cwd, 'package.json'), 'utf8')).not.toContain('policy:test');
});

test('casbin-bootstrap init says that the next commands do not know the database of an argument', async () => {
  const { url } = await createDatabase();
  const [one, other] = [await createFolder(), await createFolder()];
  for (const folder of [one, other]) writeFileSync(join(folder, 'package.json'), '{}');
  const note = 'plan and seed need this database too: give them the same argument, or set DATABASE_URL.';
  const named = await runCli(['init', '--database-url', url, '--json'], { cwd: one });
  expect(JSON.parse(named.stdout).notes).toContain(note);
  const known = await runCli(['init'], { cwd: other, env: { DATABASE_URL: url } });
  expect(known).toMatchObject({ code: 0, stdout: expect.not.stringContaining(note) });
});

test('casbin-bootstrap init writes no policy where its configuration says that there is none', async () => {
  const cwd = await createFolder();
  writeFileSync(join(cwd, 'casbin-bootstrap.config.mjs'), 'export default { policy: null };');
  writeFileSync(join(cwd, 'package.json'), '{}');
  expect(await runCli(['init'], { cwd })).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('casbin-bootstrap.config.mjs has policy: null, so none was written.'),
  });
  expect(readdirSync(cwd).sort()).toEqual(['casbin-bootstrap.config.mjs', 'package.json']);
});

test('casbin-bootstrap init writes the policy of its own configuration anew where that was removed', async () => {
  const cwd = await createFolder();
  writeFileSync(join(cwd, 'casbin-bootstrap.config.mjs'), `export default { policy: './policy.yaml' };`);
  writeFileSync(join(cwd, 'package.json'), '{}');
  expect(await runCli(['init'], { cwd })).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^Created:\n {2}model\.conf\n {2}policy\.yaml\n {2}policy\.test\.yaml\n\n/),
  });
});

/** Runs a command in a terminal of its own: util-linux has it, and other systems one with other options. */
const hasTerminals = spawnSync('script', ['--version']).stdout?.includes('util-linux') ?? false;

test.skipIf(!hasTerminals).each([
  { key: 'Ctrl+C', typed: '\u0003', code: 130, kept: 'mine', created: [] },
  {
    key: 'Ctrl+D',
    typed: '\u0004',
    code: 0,
    kept: 'mine',
    created: ['casbin-bootstrap.config.mjs', 'model.conf'],
  },
  {
    key: 'another word',
    typed: 'not yet\r',
    code: 0,
    kept: 'mine',
    created: ['casbin-bootstrap.config.mjs', 'model.conf'],
  },
  {
    key: 'y',
    typed: 'y\r',
    code: 0,
    kept: expect.stringContaining('viewer:'),
    created: ['casbin-bootstrap.config.mjs', 'model.conf', 'policy.test.yaml'],
  },
])(
  'casbin-bootstrap init: only the answer y changes a file that is there: $key',
  async ({ typed, code, kept, created }) => {
    const cwd = await createFolder();
    // All scripts are there, so that nothing but the policy is asked about.
    const names = ['lint', 'test', 'plan', 'seed'].map((name) => [`policy:${name}`, 'mine']);
    writeFileSync(join(cwd, 'package.json'), JSON.stringify({ scripts: Object.fromEntries(names) }));
    writeFileSync(join(cwd, 'policy.yaml'), 'mine');
    const child = spawn('script', ['-qec', `'${process.execPath}' '${BIN}' init`, '/dev/null'], {
      cwd,
      env: { PATH: process.env.PATH, TERM: 'xterm' },
    });
    const closed = once(child, 'close');
    let shown = '';
    for await (const chunk of child.stdout.setEncoding('utf8')) {
      if (!shown.includes('[y/N]') && `${shown}${chunk}`.includes('[y/N]')) child.stdin.write(typed);
      shown += chunk;
    }
    expect(await closed).toEqual([code, null]);
    expect(shown).not.toContain('--verbose');
    expect(readFileSync(join(cwd, 'policy.yaml'), 'utf8')).toEqual(kept);
    expect(readdirSync(cwd).sort()).toEqual([...created, 'package.json', 'policy.yaml'].sort());
  },
);
