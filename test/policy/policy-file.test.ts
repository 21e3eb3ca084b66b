import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { bootstrapDatabase, definePolicy, loadPolicyFile } from '../../src/index.ts';
import { compilePolicy } from '../../src/policy/compile.ts';
import { ruleKey } from '../../src/policy/rule.ts';
import { loadProblems, writeTemporary } from './temporary-file.ts';

const definition = definePolicy({
  roles: {
    viewer: { permissions: { invoices: ['read'] } },
    clerk: { inherits: ['viewer'], permissions: { invoices: ['write'] } },
  },
});

const YAML = `
# yaml-language-server: $schema=casbin-bootstrap/model/policy.schema.json
roles:
  viewer:
    permissions:
      invoices: [read]
  clerk:
    inherits: [viewer]
    permissions:
      invoices: [write]
`;
const JSON_TEXT = JSON.stringify({ $schema: 'policy.schema.json', ...definition }, null, '\t');
const CSV = 'p, viewer, invoices, read\np, clerk, invoices, write\n\n# roles\ng, clerk, viewer\n';

test.each([
  ['policy.yaml', YAML],
  ['policy.yml', YAML],
  ['policy.YAML', YAML.replaceAll('\n', '\r\n')],
  ['policy.json', JSON_TEXT],
  ['policy.json', `\ufeff${JSON_TEXT}`],
  ['policy.csv', CSV],
  ['policy.csv', `\ufeff${CSV.replaceAll('\n', '\r\n')}`],
])('%s compiles to the rules of the same definition in code', async (name, text) => {
  const loaded = await loadPolicyFile(await writeTemporary(name, text));
  expect(compilePolicy(loaded).map(ruleKey)).toEqual(compilePolicy(definition).map(ruleKey));
});

test.each([
  ['policy.yaml', YAML],
  ['policy.json', JSON_TEXT],
])('%s has nothing but what the definition in code has', async (name, text) => {
  expect(await loadPolicyFile(await writeTemporary(name, text))).toEqual(definition);
});

test('a file of expectations is spread into the definition that it belongs to, and keeps its places', async () => {
  const rules = await writeTemporary('policy.csv', CSV);
  const expectations = await writeTemporary('expectations.yaml', 'never:\n  - [viewer, invoices, read]\n');
  const policy = definePolicy({ ...(await loadPolicyFile(rules)), ...(await loadPolicyFile(expectations)) });

  expect(policy.never).toEqual([['viewer', 'invoices', 'read']]);
  expect(compilePolicy(policy).map(({ at }) => at)).toEqual([`${rules}:1:1`, `${rules}:2:1`, `${rules}:5:1`]);
  const bootstrapped = bootstrapDatabase({ connect: neverConnected }, { policy });
  expect(await loadProblems(bootstrapped, expectations)).toEqual([
    expect.stringContaining('2:5 EXPECTATION_CONTRADICTED'),
  ]);
});

test('a misspelt name in a file of expectations is found, though the request would be denied as promised', async () => {
  const path = await writeTemporary('expectations.yaml', 'never:\n  - [viewr, invoices, write]\n');
  const policy = { ...definition, ...(await loadPolicyFile(path)) };
  const problems = await loadProblems(bootstrapDatabase({ connect: neverConnected }, { policy }), path);
  expect(problems).toEqual([
    '2:6 REQUEST_NAME_UNKNOWN no role of this definition is called "viewr". Did you mean "viewer"? If the request is right, add rules: [] to the definition.',
  ]);
});

test('a bootstrap takes a path, and reports the problems of the file together with those of the other options', async () => {
  const path = await writeTemporary('policy.yaml', 'roles:\n  clerk:\n    inherits: [viewer]\n');
  const bootstrapped = bootstrapDatabase(
    { connect: neverConnected },
    { policy: path, model: 'missing.conf' },
  );
  expect(await loadProblems(bootstrapped, path)).toEqual([
    expect.stringContaining('missing.conf MODEL_NOT_FOUND'),
    expect.stringContaining('3:16 ROLE_UNDEFINED'),
  ]);
});

test('what no model takes is found when a file is loaded', async () => {
  const text =
    'domains:\n  tenants: [acme, acme]\n  roles:\n    "view\\0er": { permissions: { invoices: [read] } }\n    "": {}\nallow: [[a]]\ndeny: [[a]]\n';
  const path = await writeTemporary('policy.yaml', text);
  expect(await loadProblems(loadPolicyFile(path), path)).toEqual([
    expect.stringContaining('TENANT_DUPLICATE'),
    expect.stringMatching(/^5:5 NAME_EMPTY /),
    expect.stringContaining('EXPECTATION_CONFLICT'),
    expect.stringContaining('VALUE_UNSTORABLE'),
  ]);
});

test('a bootstrap reports a file that can not be read', async () => {
  const bootstrapped = bootstrapDatabase({ connect: neverConnected }, { policy: 'missing.yaml' });
  expect(await loadProblems(bootstrapped, 'missing.yaml')).toEqual([
    expect.stringContaining(
      `POLICY_NOT_FOUND there is no such policy file (${resolve('missing.yaml')}). Give`,
    ),
  ]);
});

test('a missing file, a folder, an unknown ending and another encoding have messages of their own', async () => {
  const file = await writeTemporary('policy.csv', Buffer.from('p, a, b, c', 'utf16le').fill(0xff, 0, 1));
  const failure = async (path: string) => (await loadProblems(loadPolicyFile(path), path))[0];

  expect(await failure(`${file}.yaml`)).toMatch(/POLICY_NOT_FOUND there is no such policy file/);
  expect(await failure(join(file, '..'))).toMatch(/POLICY_NOT_FOUND .*\.yaml, \.yml, \.json, \.csv/);
  expect(await failure(`${file}.toml`)).toMatch(
    /POLICY_NOT_FOUND .*ending .* command line also a module, \.ts, \.mts,/,
  );
  expect(await failure(`${file}.ts`)).toBe(
    " POLICY_NOT_FOUND a module can't be read here. Give the definition that it exports, or a file that ends in .yaml, .yml, .json, .csv.",
  );
  expect(await failure(file)).toMatch(/POLICY_SYNTAX .*UTF-8/);
});

test.each(['roles:\n  clerk:\n    permissions: {}\n', '{ "roles": {} }'])(
  'the text of a policy in the place of a path is not shown: %j',
  async (text) => {
    await expect(loadPolicyFile(text)).rejects.toMatchObject({
      problems: [
        { code: 'OPTION_INVALID', at: 'policy', message: expect.stringContaining('not the text of a file') },
      ],
    });
  },
);

function neverConnected(): Promise<never> {
  throw new Error('bad input reached the database');
}
