import { expect, test } from 'vitest';
import { writeTemporary } from '../policy/temporary-file.ts';
import { createDatabase } from '../support/database.ts';
import { runCli } from './run-cli.ts';

test('casbin-bootstrap plan and status end with 3 while there is something to do, and with 0 afterwards', async () => {
  const database = await createDatabase();
  const run = (...args: string[]) => runCli(args, { env: { DATABASE_URL: database.url } });
  const plan = await run('plan');
  expect(plan).toMatchObject({ code: 3, stderr: '' });
  expect(plan.stdout).toMatch(
    /^The default policy is used.*\nDatabase: .*would change this database .*:\n {2}\+ migration 0001_casbin\n.*\+ p, readonly, /s,
  );
  const status = await run('status', '--json');
  expect(status).toMatchObject({ code: 3, stderr: '' });
  expect(JSON.parse(status.stdout)).toMatchObject({ isComplete: false, rules: { missing: 16 } });
  expect(await run('plan', '--fail-on', 'none')).toMatchObject({ code: 0 });
  expect(await run('status', '--fail-on', 'none', '--format', 'compact')).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(
      /^table: .*\nrules: 16 defined, 0 stored: .*\nwarning: .* \[BOOTSTRAP_NEEDED\]\n$/s,
    ),
  });

  expect(await run('seed', '--format', 'compact')).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(
      /^migration 0001_casbin: applied\n.*\nseeder rbac: 16 inserted, 0 already there\n.*\ndecisions: ok, \d+ verified\n$/s,
    ),
  });
  const planned = await run('plan', '--json');
  expect(planned).toMatchObject({ code: 0, stderr: '' });
  expect(JSON.parse(planned.stdout)).toMatchObject({ changed: false, rules: [] });
  expect(await run('status')).toMatchObject({ code: 0, stdout: expect.stringContaining('is in place') });

  await database.pool().query(`insert into casbin (ptype, rule) values ('p', '["user", "x", "read"]')`);
  for (const command of ['plan', 'status']) {
    expect(await run(command), 'drift').toMatchObject({ code: 3, stderr: '' });
    expect(await run(command, '--fail-on', 'none')).toMatchObject({ code: 0 });
  }
  await database.pool().query(`delete from casbin where ptype = 'g'`);
  expect(await run('status'), 'a rule is missing').toMatchObject({ code: 3, stderr: '' });
});

test('casbin-bootstrap status ends with 1 where a promise is not kept, also where a rule is missing', async () => {
  const database = await createDatabase();
  const policy = await writeTemporary(
    'policy.yaml',
    'roles: { clerk: { permissions: { invoices: [read, write] } }, viewer: {} }\nnever: [[viewer, invoices, write]]\n',
  );
  const run = (...args: string[]) =>
    runCli([...args, '--policy', policy], { env: { DATABASE_URL: database.url } });
  expect(await run('seed')).toMatchObject({ code: 0 });
  await database.pool().query(`
    insert into casbin (ptype, rule) values ('p', '["viewer", "invoices", "write"]');
    delete from casbin where rule ->> 2 = 'read';
  `);

  expect(await run('status', '--fail-on', 'none')).toMatchObject({ code: 1, stderr: '' });
});

test('casbin-bootstrap plan --sql needs no database', async () => {
  const all = await runCli(['plan', '--sql']);
  expect(all).toMatchObject({ code: 0, stderr: '' });
  expect(all.stdout).toMatch(/^-- Written by casbin-bootstrap\. .*"readonly","accounts","read"/s);
  const json = await runCli(['plan', '--sql', '--format', 'json']);
  expect(json).toMatchObject({ code: 0, stderr: '' });
  expect(JSON.parse(json.stdout).sql.trimEnd()).toBe(all.stdout.trimEnd());
  const tables = await runCli(['plan', '--schema-only']);
  expect(tables).toMatchObject({ code: 0, stderr: '' });
  expect(tables.stdout).not.toContain('readonly');
});
