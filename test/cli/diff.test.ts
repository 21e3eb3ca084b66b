import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { bootstrapDatabase } from '../../src/index.ts';
import { modelText } from '../casbin/models.fixture.ts';
import { createDatabase } from '../support/database.ts';
import { createFolder } from '../support/folder.ts';
import { runCli } from './run-cli.ts';

test('casbin-bootstrap diff compares files and the database, and fails as --fail-on says', async () => {
  const { url, pool } = await bootstrapped();
  const cwd = await createFolder();
  const roles = { readonly: { permissions: { accounts: ['read'] } } };
  await writeFile(join(cwd, 'old.json'), JSON.stringify({ roles }));
  await writeFile(join(cwd, 'new.json'), JSON.stringify({ roles: {}, rules: [['p', 'x', 'y', 'z']] }));
  const diff = (...args: string[]) => runCli(['diff', ...args], { cwd, env: { DATABASE_URL: url } });

  const files = await diff('old.json', 'new.json');
  expect(files).toMatchObject({ code: 0, stderr: '' });
  expect(files.stdout).toMatch(/^Rules added:\n {2}\+ p, x, y, z\n\n.*\nAllowed now:\n {2}\+ x, y, z — by /s);
  expect((await diff('old.json', 'new.json', '--format', 'compact')).stdout).toMatch(
    /^rule added: p, x, y, z\nrule removed: .*\nallowed now: x, y, z — by .*\nno longer allowed: readonly.*\ndecisions: /,
  );
  expect(await diff('old.json', 'new.json', '--fail-on', 'more')).toMatchObject({ code: 3 });
  expect(await diff('old.json', 'old.json', '--fail-on', 'change')).toMatchObject({ code: 0 });
  await pool.query(`delete from casbin where rule ->> 0 <> 'readonly' or rule ->> 1 <> 'accounts'`);
  const live = await diff('old.json', 'database', '--json', '--fail-on', 'change');
  expect(live).toMatchObject({ code: 0, stderr: '' });
  expect(JSON.parse(live.stdout)).toMatchObject({
    rules: { added: [], removed: [] },
    decisions: { more: [], less: [] },
  });
});

test('casbin-bootstrap diff tells a change that allows less, or nothing else, from one that allows more', async () => {
  const cwd = await createFolder();
  const viewer = { permissions: { invoices: ['read'] } };
  const policies = {
    'one.json': { viewer, clerk: { inherits: ['viewer'] } },
    'twice.json': { viewer, clerk: { inherits: ['viewer'], ...viewer } },
    'less.json': { viewer },
  };
  for (const [file, roles] of Object.entries(policies)) {
    await writeFile(join(cwd, file), JSON.stringify({ roles }));
  }
  for (const after of ['twice.json', 'less.json']) {
    const diff = (failOn: string) => runCli(['diff', 'one.json', after, '--fail-on', failOn], { cwd });
    expect(await diff('more'), after).toMatchObject({ code: 0, stderr: '' });
    expect(await diff('change'), after).toMatchObject({ code: 3, stderr: '' });
  }
});

test('casbin-bootstrap diff does not pass what may allow more than its model can tell', async () => {
  const cwd = await createFolder();
  await writeFile(join(cwd, 'model.conf'), modelText({ m: 'r.sub == p.sub && keyMatch2(r.obj, p.obj)' }));
  await writeFile(join(cwd, 'old.yaml'), 'rules: [[p, a, /x/:id, GET]]');
  await writeFile(join(cwd, 'new.yaml'), 'rules: [[p, a, /x/:id, GET], [p, b, /*, GET]]');
  const diff = (...args: string[]) => runCli(['diff', ...args, '--model', 'model.conf'], { cwd });

  const guarded = await diff('old.yaml', 'new.yaml', '--fail-on', 'more');
  expect(guarded).toMatchObject({ code: 3, stderr: '' });
  expect(guarded.stdout).toContain('Other requests may be decided differently');
  expect(await diff('old.yaml', 'old.yaml', '--fail-on', 'more')).toMatchObject({ code: 0 });
  expect(await diff('old.yaml', 'new.yaml')).toMatchObject({ code: 0 });
});

test('casbin-bootstrap diff does not pass another order of the rules that may allow more', async () => {
  const cwd = await createFolder();
  const m = 'r.sub == p.sub && keyMatch(r.obj, p.obj) && r.act == p.act';
  const model = modelText({ p: 'sub, obj, act, eft', e: 'priority(p.eft) || deny', m });
  await writeFile(join(cwd, 'model.conf'), model);
  const [first, second] = ['p, eve, /secret/*, read, deny', 'p, eve, /*, read, allow'];
  await writeFile(join(cwd, 'old.csv'), `${first}\n${second}\n`);
  await writeFile(join(cwd, 'new.csv'), `${second}\n${first}\n`);
  const diff = (...args: string[]) => runCli(['diff', 'old.csv', ...args, '--model', 'model.conf'], { cwd });
  expect(await diff('new.csv', '--fail-on', 'more')).toMatchObject({ code: 3, stderr: '' });
  expect(await diff('new.csv', '--fail-on', 'change')).toMatchObject({ code: 3, stderr: '' });
  expect(await diff('old.csv', '--fail-on', 'change')).toMatchObject({ code: 0, stderr: '' });
});

test('casbin-bootstrap takes a module as a policy, in every place where one is named', async () => {
  const cwd = await createFolder();
  const roles = { clerk: { permissions: { invoices: ['read'] } } };
  await writeFile(join(cwd, 'policy.ts'), `export const policy: object = ${JSON.stringify({ roles })};`);
  await writeFile(join(cwd, 'empty.yaml'), 'rules: [[p, x, y, z]]');
  const diff = await runCli(['diff', 'policy.ts', 'empty.yaml', '--fail-on', 'more'], { cwd });
  expect(diff).toMatchObject({ code: 3, stderr: '' });
  expect(diff.stdout).toContain('No longer allowed:\n  - clerk, invoices, read');
  const matrix = await runCli(['matrix', '--policy', 'policy.ts', '--format', 'compact'], { cwd });
  expect(matrix).toMatchObject({ code: 0, stdout: 'clerk: invoices, read\n' });
  await writeFile(join(cwd, 'casbin-bootstrap.config.json'), '{ "policy": "policy.ts" }');
  expect(await runCli(['matrix', '--format', 'compact'], { cwd })).toEqual(matrix);
  await writeFile(join(cwd, 'missing.json'), '{ "policy": "missing.ts" }');
  const misled = (...args: string[]) => runCli([...args, '--config', 'missing.json'], { cwd });
  expect(await misled('matrix')).toMatchObject({ code: 2, stderr: expect.stringContaining('no such file') });
  expect(await misled('diff', 'policy.ts', 'policy.ts')).toMatchObject({ code: 0 });
  const revision = await runCli(['diff', 'HEAD:policy.ts', 'empty.yaml'], { cwd });
  expect(revision).toMatchObject({ code: 2, stderr: expect.stringMatching(/a module can't be read here/) });
});

test('casbin-bootstrap diff reports the error of git about a revision in one sentence', async () => {
  const cwd = await createFolder();
  await promisify(execFile)('git', ['init', '--quiet'], { cwd });
  const { code, stderr } = await runCli(['diff', 'HEAD:policy.yaml', 'policy.yaml'], { cwd });
  expect(code).toBe(2);
  expect(stderr).toMatch(
    /git does not have it: invalid object name 'HEAD'\. Fetch it, or write another REVISION:PATH/,
  );
});

test('casbin-bootstrap diff says that git is missing where it is', async () => {
  const cwd = await createFolder();
  const diff = await runCli(['diff', 'HEAD:policy.yaml', 'policy.yaml'], { cwd, env: { PATH: cwd } });
  expect(diff).toMatchObject({ code: 2, stderr: expect.stringContaining('Install git, or give') });
});

test('casbin-bootstrap advises its own commands and options', async () => {
  const { url } = await createDatabase();
  const missing = await runCli(['diff', 'database', 'database'], { env: { DATABASE_URL: url } });
  expect(missing.code).toBe(1);
  expect(missing.stderr).toMatch(
    /On the command line: casbin-bootstrap seed, with options such as journal in casbin-bootstrap\.config\.\n$/,
  );
});

async function bootstrapped() {
  const database = await createDatabase();
  const pool = database.pool();
  await bootstrapDatabase(pool);
  return { url: database.url, pool };
}
