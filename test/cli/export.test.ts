import { symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { bootstrapDatabase } from '../../src/index.ts';
import { createDatabase } from '../support/database.ts';
import { createFolder } from '../support/folder.ts';
import { runCli } from './run-cli.ts';

test('casbin-bootstrap export writes what seed reads back, whatever the password is', async () => {
  const database = await createDatabase();
  await bootstrapDatabase(database.pool());
  const role = await database.createRole('superuser');
  await database.pool().query(`alter role ${role.name} password 'readonly'`);
  const url = Object.assign(new URL(role.url), { password: 'readonly' }).href;
  const cwd = await createFolder();
  const run = (...args: string[]) => runCli(args, { cwd, env: { DATABASE_URL: url } });

  const yaml = await run('export');
  expect(yaml).toMatchObject({ code: 0, stderr: '' });
  expect(yaml.stdout).toMatch(/^roles:\n {2}readonly:\n/);
  expect((await run('export', '--json')).stdout).not.toContain('***');
  await writeFile(join(cwd, 'policy.yaml'), yaml.stdout);
  expect(await run('verify', '--strict', '--policy', 'policy.yaml')).toMatchObject({ code: 0 });

  await database.pool().query(`insert into casbin (ptype, rule) values
    ('g', '["alice", "user"]'), ('g', '["admin", "readonly", "since 2020"]')`);
  const own = (await run('pull', '--as', 'csv')).stdout;
  expect(own).not.toContain('alice');
  expect(own).toMatch(/\ng, admin, readonly, since 2020\n$/);
  expect((await run('pull', '--as', 'csv', '--users')).stdout).toBe(`${own}g, alice, user\n`);
});

test('casbin-bootstrap export asks the policy of the configuration what roles there are, also a module', async () => {
  const database = await createDatabase();
  const policy = {
    roles: { clerk: { permissions: { invoices: ['read'] } }, lead: { inherits: ['clerk'] } },
  };
  await bootstrapDatabase(database.pool(), { policy, seeders: [] });
  const cwd = await createFolder();
  const pull = async (file: string, text: string) => {
    await writeFile(join(cwd, file), text);
    await writeFile(join(cwd, `${file}.json`), JSON.stringify({ policy: file }));
    return runCli(['export', '--config', `${file}.json`], { cwd, env: { DATABASE_URL: database.url } });
  };
  const told = await pull('policy.mjs', `export const policy = ${JSON.stringify(policy)};`);
  expect(told).toMatchObject({ code: 0, stdout: expect.stringContaining('  lead:\n') });
  // As the shell leaves it in: casbin-bootstrap export > policy.yaml
  const emptied = await pull('policy.yaml', '');
  expect(emptied).toMatchObject({
    code: 0,
    stderr: '',
    stdout: expect.stringMatching(/^roles:\n {2}clerk:\n/),
  });
  expect(emptied.stdout).not.toContain('lead');
});

test('casbin-bootstrap export says why the policy of the configuration can not be read', async () => {
  const cwd = await createFolder();
  await symlink('policy.yaml', join(cwd, 'policy.yaml'));
  await writeFile(join(cwd, 'casbin-bootstrap.config.json'), JSON.stringify({ policy: 'policy.yaml' }));
  const { url } = await createDatabase();
  expect(await runCli(['export'], { cwd, env: { DATABASE_URL: url } })).toMatchObject({
    code: 2,
    stdout: '',
    stderr: expect.stringContaining("- policy.yaml: the policy file can't be read (ELOOP). Give the path"),
  });
});
