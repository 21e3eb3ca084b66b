import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { loadConfigFile, readPolicyArgument } from '../../src/cli/config-file.ts';
import { createFolder } from '../support/folder.ts';

async function folderWith(files: Record<string, string>): Promise<string> {
  const folder = await createFolder();
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  return folder;
}

test.each([
  ['casbin-bootstrap.config.ts', `export default { schema: 'auth' satisfies string };`],
  ['casbin-bootstrap.config.js', `module.exports = { schema: 'auth' };`],
  ['casbin-bootstrap.config.mjs', `export default { schema: 'auth' };`],
  ['casbin-bootstrap.config.json', `{ "schema": "auth" }`],
  ['.config/casbin-bootstrap.config.ts', `export default { schema: 'auth' satisfies string };`],
])('reads %s', async (path, text) => {
  await expect(loadConfigFile(undefined, await folderWith({ [path]: text }))).resolves.toEqual({
    config: { schema: 'auth' },
    file: path,
  });
});

test('reads the file that is named, and only that', async () => {
  const folder = await folderWith({
    'casbin-bootstrap.config.json': '{ "schema": "other" }',
    'deploy/production.json': '{ "schema": "auth" }',
  });
  await expect(loadConfigFile('deploy/production.json', folder)).resolves.toEqual({
    config: { schema: 'auth' },
    file: 'deploy/production.json',
  });
});

test('is empty where there is no file', async () => {
  await expect(loadConfigFile(undefined, await createFolder())).resolves.toEqual({ config: {}, file: null });
});

test('reads nothing else: no .env, no rc file, no package.json, no part for an environment, nothing to extend', async () => {
  const folder = await folderWith({
    '.env': 'CASBIN_BOOTSTRAP_TEST=leaked',
    '.casbin-bootstraprc': 'schema=from_rc',
    'package.json': '{ "casbin-bootstrap": { "schema": "from_package" } }',
    'base.json': '{ "schema": "from_base" }',
    'casbin-bootstrap.config.json':
      '{ "extends": "./base.json", "$test": { "schema": "from_env" }, "table": "rules" }',
  });
  const { config } = await loadConfigFile(undefined, folder);
  expect(config).toMatchObject({ table: 'rules' });
  expect(config).not.toHaveProperty('schema');
  expect(process.env.CASBIN_BOOTSTRAP_TEST).toBeUndefined();
});

test('leaves no file behind', async () => {
  const folder = await folderWith({
    'casbin-bootstrap.config.ts': `export default { schema: 'auth' satisfies string };`,
    'node_modules/.cache/other/file': '',
  });
  const before = await readdir(folder, { recursive: true });
  await loadConfigFile(undefined, folder);
  expect(await readdir(folder, { recursive: true })).toEqual(before);
});

test('returns the exported object itself, so that a policy knows its places', async () => {
  const folder = await folderWith({
    'casbin-bootstrap.config.mjs': `globalThis.exported = { policy: { roles: {} } }; export default exported;`,
  });
  const { config } = await loadConfigFile(undefined, folder);
  expect(config).toBe(Reflect.get(globalThis, 'exported'));
  Reflect.deleteProperty(globalThis, 'exported');
});

test.each([
  [
    'a named file that is missing',
    {},
    'none.json',
    'CONFIG_NOT_FOUND',
    'none.json',
    /no such configuration file/,
  ],
  [
    'a file that throws',
    { 'a.mjs': `throw new Error('no secret');` },
    'a.mjs',
    'CONFIG_INVALID',
    'a.mjs',
    /no secret/,
  ],
  [
    'a file that throws nothing',
    { 'a.mjs': 'throw undefined;' },
    'a.mjs',
    'CONFIG_INVALID',
    'a.mjs',
    /^it can't be loaded: no reason was given\. Correct it\.$/,
  ],
  [
    'an error whose list of problems is empty',
    { 'a.mjs': `throw Object.assign(new Error('no secret'), { problems: [] });` },
    'a.mjs',
    'CONFIG_INVALID',
    'a.mjs',
    /no secret/,
  ],
  [
    'an error of several lines, with all of them',
    { 'a.mjs': `throw new Error('Invalid environment.\\n  DATABASE_URL: required.\\n');` },
    'a.mjs',
    'CONFIG_INVALID',
    'a.mjs',
    /^it can't be loaded: Invalid environment\. DATABASE_URL: required\. Correct it\.$/,
  ],
  [
    'a missing module, without those that have loaded it',
    { 'a.mjs': `import './none.js';` },
    'a.mjs',
    'CONFIG_INVALID',
    'a.mjs',
    /^it can't be loaded: Cannot find module '\.\/none\.js'\. Correct it\.$/,
  ],
  [
    'a syntax error, at its place',
    { 'a.ts': 'export default {\n' },
    'a.ts',
    'CONFIG_INVALID',
    /^\.\..*\/a\.ts:2:\d+$/,
    /^it can't be loaded: ParseError: Unexpected token\. Correct it\.$/,
  ],
  [
    'a module that is missing',
    { 'a.mjs': `import 'none-such';` },
    'a.mjs',
    'CONFIG_INVALID',
    'a.mjs',
    /Cannot find module 'none-such'\. Install it, or correct its name\.$/,
  ],
  [
    'a package that Node does not find',
    { 'a.mjs': `throw new Error("Cannot find package 'none-such' imported from /b.mjs");` },
    'a.mjs',
    'CONFIG_INVALID',
    'a.mjs',
    /Install it, or correct its name\.$/,
  ],
  [
    'an error that ends as a place does',
    { 'a.mjs': `throw new Error('closed since 10:20:30');` },
    'a.mjs',
    'CONFIG_INVALID',
    'a.mjs',
    /^it can't be loaded: closed since 10:20:30\. Correct it\.$/,
  ],
  [
    'null, in casbin-bootstrap.config.mjs',
    { 'casbin-bootstrap.config.mjs': 'export default null;' },
    undefined,
    'CONFIG_INVALID',
    'casbin-bootstrap.config.mjs',
    /^it must export an object of options by default \(it is null\): /,
  ],
  [
    'null, in .config/casbin-bootstrap.config.ts',
    { '.config/casbin-bootstrap.config.ts': 'export default null;' },
    undefined,
    'CONFIG_INVALID',
    '.config/casbin-bootstrap.config.ts',
    /^it must export an object of options by default \(it is null\): /,
  ],
  ['null as JSON', { 'a.json': 'null' }, 'a.json', 'CONFIG_INVALID', 'a.json', /it is null/],
  [
    'a file that reads a property of null itself',
    { 'a.mjs': `export default null.then;` },
    'a.mjs',
    'CONFIG_INVALID',
    'a.mjs',
    /^it can't be loaded: Cannot read properties of null/,
  ],
  ['false', { 'a.mjs': 'export default false;' }, 'a.mjs', 'CONFIG_INVALID', 'a.mjs', /it is a boolean/],
  ['a list', { 'a.json': '[]' }, 'a.json', 'CONFIG_INVALID', /a\.json$/, /it is a list/],
  [
    'a text',
    { 'a.mjs': `export default 'policy.yaml';` },
    'a.mjs',
    'CONFIG_INVALID',
    /a\.mjs$/,
    /it is a string/,
  ],
  [
    'a misspelt databaseUrl',
    { 'a.json': '{"databaseURL": "postgres://app:secret@h/shop"}' },
    'a.json',
    'OPTION_UNKNOWN',
    /a\.json$/,
    /^databaseURL: there is no such option\. Did you mean databaseUrl\?$/,
  ],
  [
    'a URL that is a number',
    { 'a.json': '{"databaseUrl": 1}' },
    'a.json',
    'CONFIG_INVALID',
    /a\.json$/,
    /databaseUrl/,
  ],
])('refuses %s', async (_, files, path, code, at, message) => {
  await expect(loadConfigFile(path, await folderWith(files))).rejects.toMatchObject({
    code: 'INVALID_OPTIONS',
    problems: [
      {
        code,
        at: typeof at === 'string' ? at : expect.stringMatching(at),
        message: expect.stringMatching(message),
      },
    ],
  });
});

test.each(['casbin-bootstrap.config.cjs', 'casbin-bootstrap.config.mts', '.config/casbin-bootstrap.cts'])(
  'names the file that throws: %s',
  async (path) => {
    const folder = await folderWith({ [path]: `throw new Error('no secret');` });
    await expect(loadConfigFile(undefined, folder)).rejects.toMatchObject({
      problems: [{ at: path, message: expect.stringContaining('no secret') }],
    });
  },
);

test.each([
  ['a.mjs', 'export default undefined;', 'missing'],
  ['a.ts', 'export default undefined;', 'missing'],
  ['a.mjs', `export const schema = 'auth';`, 'missing'],
  ['a.ts', `export const schema = 'auth';`, 'missing'],
  ['a.cjs', 'module.exports = undefined;', 'missing'],
  ['a.cjs', 'module.exports = null;', 'null'],
])('refuses a file without a default export: %s, %s', async (path, text, kind) => {
  await expect(loadConfigFile(path, await folderWith({ [path]: text }))).rejects.toMatchObject({
    problems: [
      {
        code: 'CONFIG_INVALID',
        at: expect.stringMatching(new RegExp(`\\b${path}$`)),
        message: `it must export an object of options by default (it is ${kind}): export default defineConfig({ … }).`,
      },
    ],
  });
});

test('takes a URL that is undefined, as from the environment, for one that is not given', async () => {
  const folder = await folderWith({ 'a.mjs': `export default { databaseUrl: undefined, schema: 'auth' };` });
  const { config } = await loadConfigFile('a.mjs', folder);
  expect(config).toEqual({ databaseUrl: undefined, schema: 'auth' });
});

test.each([
  ['p.mjs', 'export default undefined;', 'missing'],
  ['p.mjs', 'export default null;', 'null'],
  ['p.mjs', 'export default { policy: null };', 'null'],
  ['p.mjs', 'export default [];', 'a list'],
  ['p.ts', 'export const roles = {};', 'missing'],
])('refuses a module that exports no policy: %s, %s', async (path, text, kind) => {
  const file = join(await folderWith({ [path]: text }), path);
  await expect(readPolicyArgument(file)).rejects.toMatchObject({
    problems: [{ at: file, message: `it must export a definition by default or as policy (it is ${kind}).` }],
  });
});

test('refuses a module that is missing', async () => {
  await expect(readPolicyArgument('none.ts')).rejects.toMatchObject({
    problems: [{ code: 'POLICY_NOT_FOUND', at: 'none.ts' }],
  });
});

test('reads a module with a colon in its name, which could be that of a revision', async () => {
  const folder = await folderWith({ 'HEAD:p.mjs': 'export default { roles: {} };' });
  expect(await readPolicyArgument(join(folder, 'HEAD:p.mjs'))).toEqual({ roles: {} });
  expect(await readPolicyArgument('HEAD:p.mjs')).toBe('HEAD:p.mjs');
});

test('passes on the problems that the file itself was told of', async () => {
  const problems = [{ code: 'POLICY_NOT_FOUND', at: 'p.yaml', message: 'no such file' }];
  const folder = await folderWith({
    'casbin-bootstrap.config.mjs': `throw Object.assign(new Error('x'), { problems: ${JSON.stringify(problems)} });`,
  });
  await expect(loadConfigFile(undefined, folder)).rejects.toMatchObject({ problems });
});
