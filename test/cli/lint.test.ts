import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { defaultModelPath } from '../../src/index.ts';
import { modelText } from '../casbin/models.fixture.ts';
import { createFolder } from '../support/folder.ts';
import { runCli } from './run-cli.ts';

test('casbin-bootstrap lint reports problems with their places, and fails', async () => {
  const cwd = await createFolder();
  await writeFile(join(cwd, 'policy.yaml'), 'roles:\n  a: { inherits: [b] }\n');
  const result = await runCli(['lint', '--policy', 'policy.yaml'], { cwd });
  expect(result).toMatchObject({ code: 1, stderr: '' });
  expect(result.stdout).toMatch(
    /^policy\.yaml:2:19: role "a" inherits from "b".*\[ROLE_UNDEFINED\]\n\n1 problem\.\n$/,
  );
});

test('casbin-bootstrap lint needs no database, and requires coverage with --coverage', async () => {
  const cwd = await createFolder();
  await writeFile(
    join(cwd, 'policy.yaml'),
    'roles: { a: {}, b: { inherits: [a] } }\nrules: [[p, c, data, read]]\n',
  );
  const sound = await runCli(['lint', '--policy', 'policy.yaml'], { cwd });
  expect(sound).toMatchObject({ code: 0, stderr: '' });
  const covered = await runCli(['lint', '--policy', 'policy.yaml', '--coverage', '100', '--json'], { cwd });
  expect(covered.code).toBe(1);
  expect(JSON.parse(covered.stdout)).toMatchObject({ problems: [{ code: 'COVERAGE_TOO_LOW' }] });
  const any = await runCli(['lint', '--policy', 'policy.yaml', '--coverage', '0'], { cwd });
  expect(any).toMatchObject({ code: 0, stderr: '' });
  for (const wrong of ['', '-1', '101', 'all']) {
    const refused = await runCli(['lint', `--coverage=${wrong}`], { cwd });
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('number from 0 to 100') });
  }
});

test('casbin-bootstrap lint names the line of a model file of any name', async () => {
  const cwd = await createFolder();
  const model = modelText({ m: 'r.sub == p.subb' });
  await writeFile(join(cwd, 'rbac.ini'), model);
  const line = 1 + model.split('\n').findIndex((one) => one.startsWith('m = '));
  const lint = (format: string) => runCli(['lint', '--model', 'rbac.ini', '--format', format], { cwd });
  expect((await lint('github')).stdout).toMatch(new RegExp(`^::error file=rbac\\.ini,line=${line},col=14,`));
  const { runs } = JSON.parse((await lint('sarif')).stdout);
  expect(runs[0].results[0].locations[0].physicalLocation).toEqual({
    artifactLocation: { uri: 'rbac.ini' },
    region: { startLine: line, startColumn: 14 },
  });
  await writeFile(join(cwd, 'rbac.ini'), model.replace('[policy_effect]', '[other]'));
  expect((await lint('github')).stdout).toMatch(/^::error file=rbac\.ini,line=1,col=1,.*policy_effect/m);
});

const CLERK = `{ roles: { clerk: { inherits: ['viewr'], permissions: { invoices: ['write'] } }, viewer: {} } }`;

test('what is wrong with an option is told with the file of the configuration, in every format', async () => {
  const cwd = await createFolder();
  const config = `{ lockTimeout: 1, 'a b': 2, verify: { stric: true }, databaseUrl: 'x', seeders: [1], policy: ${CLERK} }`;
  await writeFile(join(cwd, 'casbin-bootstrap.config.mjs'), `export default ${config};`);
  await writeFile(join(cwd, 'table.json'), '{ "table": "rules" }');
  const misspelt = 'lockTimeout: there is no such option. Did you mean lockTimeoutMs?';
  const seed = await runCli(['seed', '--database-url', 'postgres://localhost/none'], { cwd });
  expect(seed).toMatchObject({ code: 2, stderr: expect.stringContaining(`config.mjs: ${misspelt}\n`) });
  const places = [...seed.stderr.matchAll(/^ {2}- (\S+): (.+?): /gm)].map(([, ...place]) => place.join(' '));
  expect(places.sort()).toEqual([
    'casbin-bootstrap.config.mjs ["a b"]',
    'casbin-bootstrap.config.mjs lockTimeout',
    'casbin-bootstrap.config.mjs policy.roles.clerk.inherits[0]',
    'casbin-bootstrap.config.mjs seeders[0]',
    'casbin-bootstrap.config.mjs verify.stric',
  ]);
  expect((await runCli(['lint', '--format', 'github'], { cwd })).stdout).toContain(
    `::error file=casbin-bootstrap.config.mjs,title=OPTION_UNKNOWN::${misspelt}\n`,
  );
  const table = await runCli(['seed', '--embedded', '--config', 'table.json', '--table', 'providers'], {
    cwd,
  });
  expect(table.stderr).toContain('  - table: must not be the table of seeder "providers"');
  expect((await runCli(['status'], { cwd })).stderr).toContain('config.mjs: databaseUrl: It is not the URL');
});

test('a missing file is told by its path, also where that begins as the name of an option', async () => {
  const cwd = await createFolder();
  await writeFile(join(cwd, 'files.json'), '{ "policy": "policy.yaml", "model": "model.conf" }');
  await writeFile(join(cwd, 'objects.json'), '{ "policy": {} }');
  const configured = await runCli(['lint', '--config', 'files.json'], { cwd });
  expect(configured.stderr).toContain('\n  - policy.yaml: there is no such policy file');
  expect(configured.stderr).toContain('\n  - model.conf: there is no such model file');
  const lint = (...args: string[]) => runCli(['lint', '--config', 'objects.json', ...args], { cwd });
  const policy = await lint('--policy', 'policy.yaml');
  expect(policy.stderr).toContain('\n  - policy.yaml: there is no such policy file');
  const model = await lint('--model', 'policy-model.conf');
  expect(model.stderr).toContain('\n  - policy-model.conf: there is no such model file');
});

test('what is wrong with a Model of the configuration is told with its file', async () => {
  const cwd = await createFolder();
  const text = (await readFile(defaultModelPath, 'utf8')).replace('p.obj', 'p.objj');
  const config = `import casbin from '${import.meta.resolve('casbin')}';
    export default { model: casbin.newModelFromString(${JSON.stringify(text)}) };`;
  await writeFile(join(cwd, 'casbin-bootstrap.config.mjs'), config);
  expect((await runCli(['lint'], { cwd })).stdout).toContain('casbin-bootstrap.config.mjs: model (m): ');
});

test('what is wrong with the policy of a module is told with its file', async () => {
  const cwd = await createFolder();
  await writeFile(join(cwd, 'clerks.mjs'), `export const policy = ${CLERK};`);
  await writeFile(join(cwd, 'policy.yaml'), 'roles: { a: { inherits: [b] } }');
  await writeFile(join(cwd, 'casbin-bootstrap.config.mjs'), 'export default { policy: {}, model: {} };');
  const told = 'clerks.mjs: policy.roles.clerk.inherits[0]: role "clerk" inherits from "viewr"';
  const lint = await runCli(['lint', '--policy', 'clerks.mjs', '--model', defaultModelPath], { cwd });
  expect(lint).toMatchObject({ code: 1, stdout: expect.stringContaining(told) });
  const diff = await runCli(['diff', 'policy.yaml', 'clerks.mjs', '--model', defaultModelPath], { cwd });
  expect(diff.stderr).toContain('- policy.yaml:1:26: role "a" inherits from "b"');
  expect(diff.stderr).toContain(`- ${told}`);
  const imported = await runCli(['import', 'clerks.mjs', '--embedded', '--model', defaultModelPath], { cwd });
  expect(imported.stderr).toContain(`- ${told}`);
});

test('a request of a module or of a file of tests is placed in it', async () => {
  const cwd = await createFolder();
  const policy = `{ roles: { viewer: { permissions: { invoices: ['read'] } } }, allow: [['viewer', 'invoices', 'read']] }`;
  await writeFile(join(cwd, 'casbin-bootstrap.config.mjs'), `export default { policy: ${policy} };`);
  await writeFile(join(cwd, 'policy.test.yaml'), 'deny: [[viewer, invoices, read]]');
  const { stdout } = await runCli(['test', 'policy.test.yaml', '--format', 'compact'], { cwd });
  expect(stdout.split('\n')).toEqual([
    'casbin-bootstrap.config.mjs: policy.allow[0]: viewer, invoices, read must be allowed: ok',
    expect.stringMatching(/^policy\.test\.yaml:1:8: viewer, invoices, read must be denied: failed/),
    '',
  ]);
});

test('casbin-bootstrap lint says that it was given no policy', async () => {
  const cwd = await createFolder();
  const ofDefault = await runCli(['lint'], { cwd });
  expect(ofDefault).toMatchObject({ code: 0, stdout: expect.stringContaining('The default policy is used') });
  await writeFile(join(cwd, 'none.json'), '{ "seeders": [] }');
  expect((await runCli(['lint', '--config', 'none.json'], { cwd })).stdout).toMatch(
    /^The default policy is used, .* no policy in none\.json\nNo problems\./,
  );
  await writeFile(join(cwd, 'casbin-bootstrap.config.json'), '{ "policy": null }');
  expect((await runCli(['lint'], { cwd })).stdout).not.toContain('The default policy is used');
});

test('casbin-bootstrap explain decides on the policy where there is no database', async () => {
  const cwd = await createFolder();
  await writeFile(
    join(cwd, 'policy.yaml'),
    'roles: { a: { permissions: { data: [read] } }, b: { inherits: [a] } }\n',
  );
  const result = await runCli(['explain', 'b', 'data', 'read', '--policy', 'policy.yaml'], { cwd });
  expect(result).toMatchObject({ code: 0, stderr: '' });
  expect(result.stdout).toMatch(
    /^Policy: as it is defined, without a database\n\n"b, data, read" is allowed\n/,
  );
  expect(await runCli(['explain', 'b', 'data', 'read'], { cwd })).toMatchObject({ code: 2, stdout: '' });
  expect((await runCli(['explain', 'b', 'data', 'read', '--offline'], { cwd })).stdout).toMatch(
    /^The default policy is used, .*\nPolicy: as it is defined/,
  );
});

test('casbin-bootstrap test and lint print what other tools read', async () => {
  const cwd = await createFolder();
  await writeFile(join(cwd, 'policy.yaml'), 'roles: { a: { permissions: { data: [read] } } }\n');
  await writeFile(join(cwd, 'tests.yaml'), 'allow: [[a, data, read]]\ndeny: [[a, data, read]]\n');
  const run = (...args: string[]) => runCli([...args, '--policy', 'policy.yaml'], { cwd });
  const failing = await run('test', 'tests.yaml');
  expect(failing).toMatchObject({ code: 1, stderr: '' });
  expect(failing.stdout).toMatch(/^tests\.yaml:2:8: a, data, read must be denied\n/);
  expect((await run('test', 'tests.yaml', '--format', 'junit')).stdout).toMatch(/^<\?xml.*failures="1"/s);
  expect((await run('test', 'tests.yaml', '--format', 'github')).stdout).toMatch(
    /^::error file=tests\.yaml,line=2,col=8/,
  );
  expect((await run('test', 'tests.yaml', '--format', 'compact')).stdout).toMatch(
    /^tests\.yaml:1:9: a, data, read must be allowed: ok\ntests\.yaml:2:8: .*: failed, allowed by .*\]\n$/,
  );
  const sarif = await run('lint', '--format', 'sarif');
  expect(sarif).toMatchObject({ code: 0, stderr: '' });
  expect(JSON.parse(sarif.stdout)).toMatchObject({ version: '2.1.0', runs: [{ results: [] }] });
});

test('casbin-bootstrap prints an error in the requested format, and also on stderr', async () => {
  const lint = (format: string) => runCli(['lint', '--policy', 'none.yaml', '--format', format]);
  const compact = await lint('compact');
  expect(compact).toMatchObject({ code: 2, stderr: expect.stringMatching(/^casbin-bootstrap: One problem/) });
  expect(compact.stdout).toMatch(/^none\.yaml: there is no such policy file .* \[POLICY_NOT_FOUND\]\n$/);
  expect((await lint('junit')).stdout).toContain('<failure type="POLICY_NOT_FOUND"');
  expect(JSON.parse((await lint('sarif')).stdout)).toMatchObject({
    runs: [{ results: [{ ruleId: 'POLICY_NOT_FOUND' }] }],
  });
});
