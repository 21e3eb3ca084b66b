import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { bootstrapDatabase } from '../../src/index.ts';
import { createDatabase } from '../support/database.ts';
import { createFolder } from '../support/folder.ts';
import { runCli } from './run-cli.ts';

test('casbin-bootstrap matrix shows a definition, or a database with its users', async () => {
  const matrix = await runCli(['matrix', '--offline']);
  expect(matrix).toMatchObject({ code: 0, stderr: '' });
  expect(matrix.stdout).toMatch(
    /^The default policy is used, .*\n {2}obj act +readonly +user +admin\n {2}accounts read +● +○ +○\n/,
  );
  const compact = await runCli(['matrix', '--offline', '--format', 'compact']);
  expect(compact.stdout.split('\n')).toEqual(
    expect.arrayContaining(['readonly: accounts, read', 'user: accounts, read (user → readonly)']),
  );
  const env = await envOfDatabase();
  const json = await runCli(['matrix', '--users', '--json'], { env });
  expect(JSON.parse(json.stdout).subjects).toEqual(['readonly', 'user', 'admin', 'alice']);
});

test('casbin-bootstrap graph draws a database as Mermaid or as SVG', async () => {
  const env = await envOfDatabase();
  const graph = await runCli(['graph', '--users'], { env });
  expect(graph).toMatchObject({ code: 0, stderr: '' });
  expect(graph.stdout).toMatch(/^flowchart BT\n.*<b>alice<\/b>/s);
  const svg = await runCli(['graph', '--as', 'svg'], { env });
  expect(svg).toMatchObject({ code: 0, stderr: '' });
  expect(svg.stdout).toMatch(/^<svg xmlns=.*<title>user: 1 user<\/title>.*<\/svg>\n$/s);
});

test('casbin-bootstrap matrix and graph write the page too, with users where they are asked for', async () => {
  const env = await envOfDatabase();
  const file = join(await createFolder(), 'matrix.html');
  expect(await runCli(['matrix', '--html', file], { env })).toMatchObject({ code: 0, stderr: '' });
  const page = await readFile(file, 'utf8');
  expect(page).toContain('"name":"readonly"');
  expect(page).not.toContain('alice');
  expect(await runCli(['graph', '--html', file, '--users'], { env })).toMatchObject({ code: 0 });
  expect(await readFile(file, 'utf8')).toContain('alice');
});

test('casbin-bootstrap matrix is of the database if one is named, whatever policy that has', async () => {
  const database = await createDatabase();
  const policy = { roles: { clerk: { permissions: { invoices: ['read'] } } } };
  await bootstrapDatabase(database.pool(), { policy, seeders: [] });
  await database.pool().query(`insert into casbin (ptype, rule) values ('g', '["alice", "clerk"]')`);
  const cwd = await createFolder();
  await writeFile(join(cwd, 'policy.json'), JSON.stringify(policy));
  const matrix = (...args: string[]) =>
    runCli(['matrix', '--users', ...args], { cwd, env: { DATABASE_URL: database.url } });
  expect(await matrix('--html', 'page.html')).toMatchObject({ code: 0, stderr: '' });
  expect(await readFile(join(cwd, 'page.html'), 'utf8')).toContain('alice');
  expect((await matrix('--policy', 'policy.json')).stdout).toContain('alice');
  expect((await matrix('--policy', 'policy.json', '--offline')).stdout).not.toContain('alice');
});

async function envOfDatabase() {
  const database = await createDatabase();
  await bootstrapDatabase(database.pool());
  await database.pool().query(`insert into casbin (ptype, rule) values ('g', '["alice", "user"]')`);
  return { DATABASE_URL: database.url };
}

test.each(['matrix', 'graph', 'explain a data read'])(
  'casbin-bootstrap %s takes the given policy where no database is named, and asks for one where it has neither',
  async (line) => {
    const cwd = await createFolder();
    await writeFile(join(cwd, 'casbin-bootstrap.config.json'), '{ "policy": null }');
    await writeFile(join(cwd, 'policy.csv'), 'p, a, data, read');
    const given = await runCli([...line.split(' '), '--policy', 'policy.csv', '--json'], { cwd });
    expect(given).toMatchObject({ code: 0, stdout: expect.stringContaining('data') });
    const asked = await runCli([...line.split(' '), '--json'], { cwd });
    expect(asked.code).toBe(2);
    expect(JSON.parse(asked.stdout)).toMatchObject({ error: { problems: [{ code: 'DATABASE_UNNAMED' }] } });
  },
);
