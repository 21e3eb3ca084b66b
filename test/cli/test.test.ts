import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createFolder } from '../support/folder.ts';
import { runCli } from './run-cli.ts';

async function project() {
  const cwd = await createFolder();
  await writeFile(
    join(cwd, 'policy.yaml'),
    'roles:\n  clerk:\n    permissions:\n      invoices: [read, write]\nallow:\n  - [clerk, invoices, read]\n',
  );
  return (...args: string[]) =>
    runCli(['test', '--policy', 'policy.yaml', ...args], { cwd }).then((result) => ({ ...result, cwd }));
}

test('casbin-bootstrap test decides what the policy lists itself, and writes LCOV', async () => {
  const run = await project();
  const result = await run('--lcov', 'coverage/lcov.info', '--coverage', '50');
  expect(result).toMatchObject({ code: 0, stderr: '' });
  expect(result.stdout).toMatch(
    /^ {2}requests {2}rule .*\n\n1 request decided as expected .* 1 of 2 rules tested \(50 %\)\.\n$/s,
  );
  expect(await readFile(join(result.cwd, 'coverage/lcov.info'), 'utf8')).toContain(
    'SF:policy.yaml\nBRDA:4,0,0,1\nBRDA:4,0,1,0\n',
  );
  expect((await run()).stdout).toMatch(/^1 request decided as expected /);
  const ofNobody = await run('--subject', 'nobody');
  expect(ofNobody).toMatchObject({ code: 2, stderr: expect.stringContaining('correct the filter') });
  const strict = await run('--coverage', '51', '--format', 'compact');
  expect(strict).toMatchObject({ code: 1, stderr: '' });
  expect(strict.stdout).toMatch(
    /^policy\.yaml:6:5: .*: ok\npolicy\.yaml:4:24: no request .* \[COVERAGE_TOO_LOW\]\n$/,
  );
});

test('casbin-bootstrap test reports a misspelt name, and ends with 3 under --fail-on warning', async () => {
  const run = await project();
  const { cwd } = await run();
  await writeFile(join(cwd, 'tests.yaml'), 'deny: [[clrk, invoices, write]]\n');
  const lax = await run('tests.yaml', '--json');
  expect(lax).toMatchObject({ code: 0, stderr: '' });
  expect(JSON.parse(lax.stdout)).toMatchObject({
    ok: true,
    warnings: [{ code: 'NAME_MISSPELT', at: 'tests.yaml:1:9' }],
  });
  const ofDefault = await runCli(['test', 'tests.yaml'], { cwd });
  expect(ofDefault.stdout).toMatch(
    /^The default policy is used, as there is no --policy, and no casbin-bootstrap\.config in /,
  );
  expect(await run('tests.yaml', '--fail-on', 'warning')).toMatchObject({
    code: 3,
    stdout: expect.stringMatching(
      /^tests\.yaml:1:9: warning: no rule has sub = "clrk"\. Did you mean "clerk"\?\n/,
    ),
  });
});
