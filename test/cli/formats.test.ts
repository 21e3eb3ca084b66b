import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { useDatabase } from '../support/database.ts';
import { createFolder } from '../support/folder.ts';
import { readProgram } from './program.fixture.ts';
import { type CliResult, runCli } from './run-cli.ts';

function formatsOf(name: string): readonly string[] {
  const command = readProgram().commands.find((one) => one.name() === name);
  return command?.options.find(({ long }) => long === '--format')?.argChoices ?? [];
}

describe('the formats of a command', () => {
  test('are those of the table in docs/cli.md', async () => {
    const [, section = ''] = (await readFile('docs/cli.md', 'utf8')).split('### Formats');
    const [table = ''] = section.split('\nAnother format');
    const [head = [], , ...rows] = table
      .split('\n')
      .filter((line) => line.startsWith('| ') || line.startsWith('|--'))
      .map((line) => line.split('|').slice(1, -1));
    const documented = new Map<string, string[]>();
    for (const [names = '', ...marks] of rows) {
      const formats = head.slice(1).filter((_, index) => marks[index]?.includes('●'));
      for (const [, name = ''] of names.matchAll(/`([^`]+)`/g)) {
        documented.set(name, formats.map((format) => format.trim()).sort());
      }
    }
    expect(documented.get('plan --sql')).toEqual(['json', 'pretty']);
    documented.delete('plan --sql');
    const { commands } = readProgram();
    const known = commands.map((one) => one.name()).filter((name) => name !== 'completion');
    expect([...documented.keys()].sort()).toEqual(known.sort());
    for (const [name, formats] of documented) expect([...formatsOf(name)].sort(), name).toEqual(formats);
  });

  test('are named where another one is given', async () => {
    const cwd = await createFolder();
    const given = await runCli(['graph', '--format', 'junit'], { cwd });
    expect(given.code).toBe(2);
    expect(given.stderr).toMatch(
      /Allowed choices are pretty, json\.\n--help lists the commands, and after a command its options\.\n$/,
    );
    const sql = await runCli(['plan', '--sql', '--format', 'github'], { cwd });
    expect(sql).toMatchObject({ code: 2, stderr: expect.stringContaining('Use pretty or json.') });
    expect(sql.stdout).toMatch(/^::error title=OPTION_INVALID::--format: there is no github for --sql/);
  });

  test.each([
    ['json', ['--foo'], /"code": "WRONG_USAGE",\n {4}"message": "unknown option '--foo'"/],
    ['compact', ['--foo'], /^unknown option '--foo' \[WRONG_USAGE\]\n$/],
    ['github', ['--foo'], /^::error title=WRONG_USAGE::unknown option '--foo'\n$/],
    ['junit', ['--foo'], /^<\?xml.*<failure type="WRONG_USAGE"/s],
    ['sarif', ['--foo'], /"ruleId": "WRONG_USAGE"/],
    [
      'compact',
      ['a.yaml'],
      / but got 1\. Files are given by options, such as --policy FILE\. \[WRONG_USAGE\]\n$/,
    ],
  ])('%s tells arguments that can not be understood, on stdout too', async (format, args, expected) => {
    const result = await runCli(['lint', `--format=${format}`, ...args]);
    expect(result).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^error: (unknown option|too many arguments)/),
    });
    expect(result.stdout).toMatch(expected);
  });

  test.each([
    ['junit', 'test', /^<testsuites .*<testcase .*<\/testsuites>$/ms],
    ['junit', 'name', /^ {4}<testcase classname=/m],
    ['junit', 'a<b', /file="\*\*\*\.yaml"/],
    ['sarif', 'error', /"level": "error"/],
    ['github', 'error', /^::error file=/],
    ['github', 'a%', /^::error file=\*\*\*\.yaml,title/],
    ['compact', 'POLICY', /\[POLICY_NOT_FOUND\]$/m],
  ])(
    '%s stays what its readers know, and keeps the secret, if a password is %s',
    async (format, password, expected) => {
      const env = { DATABASE_URL: `postgres://app:${encodeURIComponent(password)}@localhost/shop` };
      const { stdout } = await runCli(['lint', '--policy', `${password}.yaml`, '--format', format], { env });
      expect(stdout).toMatch(expected);
      expect(stdout).not.toMatch(/a(<|&#60;)b|a%25/);
    },
  );

  test.each([
    [[], [], 'package.json'],
    [[], ['--foo'], 'package.json'],
    [['casbin-bootstrap.config.mjs'], [], 'casbin-bootstrap.config.mjs'],
    [['.config/casbin-bootstrap.mjs'], ['--foo'], '.config/casbin-bootstrap.mjs'],
    [['a b.mjs'], ['--config', 'a b.mjs'], 'a%20b.mjs'],
    [['policy.mjs', 'casbin-bootstrap.config.mjs'], ['--policy', 'policy.mjs'], 'policy.mjs'],
  ])(
    'SARIF has a file for what has no place, as GitHub requires, with %j and %j',
    async (files, args, uri) => {
      const cwd = await createFolder();
      await mkdir(join(cwd, '.config'));
      for (const file of files) await writeFile(join(cwd, file), 'export default {}');
      const { stdout } = await runCli(['lint', '--format', 'sarif', '--model', '', ...args], { cwd });
      const [run] = JSON.parse(stdout).runs;
      expect(run.results).not.toEqual([]);
      for (const { locations } of run.results) {
        expect(locations).toEqual([{ physicalLocation: { artifactLocation: { uri } } }]);
      }
    },
  );

  test.each([
    ['github', /^::error file=packages\/api\/policy\.yaml,line=1,col=1,/m],
    ['sarif', /"uri": "packages\/api\/policy\.yaml"/],
  ])('%s names files from the repository on, also in a folder of it', async (format, expected) => {
    const repository = await createFolder();
    const cwd = join(repository, 'packages/api');
    await mkdir(join(repository, '.git'));
    await mkdir(cwd, { recursive: true });
    await writeFile(join(cwd, 'policy.yaml'), 'rols: {}');
    const { stdout } = await runCli(['lint', '--policy', 'policy.yaml', '--format', format], { cwd });
    expect(stdout).toMatch(expected);
  });

  test('make no difference to the help', async () => {
    const help = await runCli(['lint', '--help']);
    expect(await runCli(['lint', '--json', '--help'])).toEqual(help);
    expect(help).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Usage: /) });
  });

  test.each([[[]], [['help', 'foo']]])('tell that there is no command: %j', async (args) => {
    const result = await runCli([...args, '--format', 'json']);
    expect(result.code).toBe(2);
    expect(JSON.parse(result.stdout)).toMatchObject({ error: { name: 'UsageError', code: 'WRONG_USAGE' } });
    expect(result.stdout).not.toContain('outputHelp');
  });
});

describe('what is done and what there is', () => {
  const database = useDatabase();

  /** Runs commands in a project of its own, whose policy the database has. */
  async function seedProject(): Promise<(...args: string[]) => Promise<CliResult>> {
    const cwd = await createFolder();
    const policy = 'roles: { a: { permissions: { data: [read] } }, b: { inherits: [a] } }\n';
    await writeFile(join(cwd, 'policy.yaml'), policy);
    const config = "export default { policy: 'policy.yaml', seeders: [], journal: true };";
    await writeFile(join(cwd, 'casbin-bootstrap.config.mjs'), config);
    const run = (...args: string[]) => runCli(args, { cwd, env: { DATABASE_URL: database.url } });
    expect((await run('seed')).code).toBe(0);
    return run;
  }

  test.each([
    ['status', /^::notice title=STATUS::table: public\.casbin/],
    ['explain b data read', /^::notice title=DECISION::b, data, read: allowed by/],
    ['matrix', /^::notice title=.*a: data, read\n/],
    ['import policy.yaml', /^::notice title=SEEDER::seeder rbac: 0 inserted, 2 already there\n$/],
    ['assign eve b --actor jane --dry-run', /^::notice title=RULE_ADDED::rule would be added: g, eve, b\n/],
    ['unassign eve b', /^::notice title=NOTHING_TO_CHANGE::Nothing to change: "eve, b" is not assigned\.\n$/],
    ['report --html page.html', /^::notice title=PAGE_WRITTEN::Wrote page\.html \(\d+ kB\)\.\n$/],
  ])('%s is an annotation each', async (line, expected) => {
    const run = await seedProject();
    const result = await run(...line.split(' '), '--format', 'github');
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(result.stdout).toMatch(expected);
  });

  test('a change and the history of changes are a line each', async () => {
    const run = await seedProject();
    const assign = ['assign', 'carol', 'b', '--actor', 'jane', '--reason', 'ticket 7', '--format', 'compact'];
    expect(await run(...assign)).toMatchObject({
      code: 0,
      stdout: 'rule added: g, carol, b\nIn the journal: jane, ticket 7.\n',
    });
    const history = await run('history', 'carol', '--format', 'compact');
    expect(history.stdout).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z: \+ g, carol, b, by jane, ticket 7\n$/);
  });

  test('init reports each file at its place', async () => {
    const folder = await createFolder();
    await writeFile(join(folder, 'package.json'), '{ "name": "shop", "type": "module" }');
    const result = await runCli(['init', '--format', 'compact'], { cwd: folder });
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(result.stdout).toMatch(/^model\.conf: created\npolicy\.yaml: created\n/);
    expect(result.stdout).toMatch(/^package\.json: left as it is\n/m);
    expect(result.stdout).toMatch(/^next: npx casbin-bootstrap lint\n/m);
  });

  test('data is in the JSON document as the function returns it', async () => {
    const run = await seedProject();
    expect(JSON.parse((await run('graph', '--json')).stdout)).toEqual({
      mermaid: expect.stringMatching(/^flowchart BT\n/),
    });
    expect(JSON.parse((await run('export', '--as', 'csv', '--json')).stdout)).toMatchObject({
      definition: { roles: { b: { inherits: ['a'] } } },
      userLinks: expect.any(Array),
    });
  });
});
