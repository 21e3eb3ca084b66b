import { expect, test } from 'vitest';
import { bootstrapDatabase } from '../../src/index.ts';
import { createDatabase } from '../support/database.ts';
import { runCli } from './run-cli.ts';

test('casbin-bootstrap matrix and graph show a definition, or a database with its users', async () => {
  const matrix = await runCli(['matrix', '--offline']);
  expect(matrix).toMatchObject({ code: 0, stderr: '' });
  expect(matrix.stdout).toMatch(/^ {2}obj act +readonly +user +admin\n {2}accounts read +● +○ +○\n/);
  const compact = await runCli(['matrix', '--offline', '--format', 'compact']);
  expect(compact.stdout.split('\n')).toEqual(
    expect.arrayContaining(['readonly: accounts, read', 'user: accounts, read (user → readonly)']),
  );

  const database = await createDatabase();
  await bootstrapDatabase(database.pool());
  await database.pool().query(`insert into casbin (ptype, rule) values ('g', '["alice", "user"]')`);
  const env = { DATABASE_URL: database.url };
  const json = await runCli(['matrix', '--users', '--json'], { env });
  expect(JSON.parse(json.stdout).subjects).toEqual(['readonly', 'user', 'admin', 'alice']);
  const graph = await runCli(['graph', '--users'], { env });
  expect(graph).toMatchObject({ code: 0, stderr: '' });
  expect(graph.stdout).toMatch(/^flowchart BT\n.*<b>alice<\/b>/s);
});
