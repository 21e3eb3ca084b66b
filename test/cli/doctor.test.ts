import { expect, test } from 'vitest';
import { bootstrapDatabase } from '../../src/index.ts';
import { createDatabase } from '../support/database.ts';
import { runCli } from './run-cli.ts';

test('casbin-bootstrap doctor fails on what a bootstrap or an application would fail on', async () => {
  const database = await createDatabase();
  await bootstrapDatabase(database.pool());
  const doctor = (...args: string[]) => runCli(['doctor', ...args], { env: { DATABASE_URL: database.url } });
  const fine = await doctor();
  expect(fine).toMatchObject({ code: 0, stderr: '' });
  expect(fine.stdout).toMatch(/^Database: .*\n\n {2}✓ server: .*\n\n0 failures, 0 warnings\.\n$/s);
  await database.pool().query(`insert into casbin (ptype, rule) values ('p', '{}')`);
  const junit = await doctor('--format', 'junit');
  expect(junit).toMatchObject({
    code: 1,
    stdout: expect.stringMatching(/name="server".*<failure type="RULES"/s),
  });
  const failing = await doctor('--json');
  expect(failing).toMatchObject({ code: 1, stderr: '' });
  expect(JSON.parse(failing.stdout)).toMatchObject({ ok: false });
});
