import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type Enforcer, newModelFromString } from 'casbin';
import { describe, expect, test } from 'vitest';
import { loadConfigFile } from '../../src/cli/config-file.ts';
import {
  domainsModelPath,
  initProject,
  lintPolicy,
  type ProjectChange,
  testPolicy,
} from '../../src/index.ts';
import { createFolder } from '../support/folder.ts';
import { createProject } from './project.fixture.ts';

const DATABASE_NEEDED =
  'plan and seed need a database: set DATABASE_URL, or give --database-url URL, or --embedded for one without a server.';

describe('a project without a database', () => {
  test('gets a model, a policy, tests that pass, a configuration, and scripts', async () => {
    const { folder, read } = await createProject({
      name: 'shop',
      scripts: { test: 'vitest', 'policy:lint': 'mine' },
    });
    const asked: ProjectChange[] = [];
    const confirm = (change: ProjectChange) => asked.push(change) > 0;
    const report = await initProject(folder, null, { confirm });

    expect(report).toMatchObject({
      created: ['model.conf', 'policy.yaml', 'policy.test.yaml', 'casbin-bootstrap.config.mjs'],
      changed: ['package.json'],
      kept: [],
      notes: ['No database was looked at: the policy is one to begin with.', DATABASE_NEEDED],
      next: [
        'npm install casbin-bootstrap casbin pg kysely',
        'npx casbin-bootstrap lint',
        'npx casbin-bootstrap test policy.test.yaml',
        'npx casbin-bootstrap plan',
        'npx casbin-bootstrap seed',
      ],
    });
    expect(asked.map(({ path }) => path)).toEqual(['package.json']);
    expect(read('package.json')).toMatch(
      /^\{\n {4}"name": "shop",\n {4}"scripts": \{\n {8}"test": "vitest",/,
    );
    expect(read('policy.yaml')).toMatch(
      /^# yaml-language-server: \$schema=\.\/node_modules\/casbin-bootstrap\/model\/policy\.schema\.json\n/,
    );
    expect(JSON.parse(read('package.json')).scripts).toMatchObject({
      test: 'vitest',
      'policy:lint': 'mine',
      'policy:test': 'casbin-bootstrap test policy.test.yaml',
      'policy:seed': 'casbin-bootstrap seed',
    });
    const options = { model: join(folder, 'model.conf'), policy: join(folder, 'policy.yaml') };
    await expect(lintPolicy(options, { coverage: 100 })).resolves.toMatchObject({ ok: true });
    await expect(testPolicy([join(folder, 'policy.test.yaml')], options)).resolves.toMatchObject({
      ok: true,
    });
    const again = await initProject(folder, null, { confirm });
    expect(again).toMatchObject({ created: [], changed: [], kept: report.created });
    expect(again.notes.join()).not.toContain('is the configuration');
    expect(asked).toHaveLength(1);
  });

  test('keeps its rules by default', async () => {
    const { folder, read } = await createProject(undefined, {
      'policy.yaml': 'mine',
      'model.conf': 'mine too',
    });
    const report = await initProject(folder, null);
    expect(report.kept).toEqual(['model.conf', 'policy.yaml', 'package.json']);
    expect(report.notes.join()).not.toMatch(/one to begin with|does not fit/);
    expect(report.notes.at(-1)).toMatch(/^package\.json has no scripts/);
    expect([read('policy.yaml'), read('model.conf'), JSON.parse(read('package.json'))]).toEqual([
      'mine',
      'mine too',
      { name: 'shop' },
    ]);
    await expect(initProject(folder, null)).resolves.toMatchObject({ created: [], changed: [] });
  });

  test('gets the tests of its first policy again where they were removed', async () => {
    const { folder } = await createProject();
    await initProject(folder, null);
    rmSync(join(folder, 'policy.test.yaml'));
    await expect(initProject(folder, null)).resolves.toMatchObject({ created: ['policy.test.yaml'] });
  });

  test('gets no tests of another policy than its own, and goes on with its own model', async () => {
    const { folder, read } = await createProject(undefined, {
      'policy.yaml': 'roles: { clerk: { permissions: { invoices: [read] } } }',
    });
    const report = await initProject(folder, null);
    expect(report.created).toEqual(['model.conf', 'casbin-bootstrap.config.mjs']);
    expect(report.notes).toEqual([
      DATABASE_NEEDED,
      'There are no tests of your policy yet. Write requests, each as [sub, obj, act], below allow: and deny: into policy.test.yaml, and run: npx casbin-bootstrap test policy.test.yaml',
      expect.stringMatching(/^package\.json has no scripts/),
    ]);
    expect(report.next.join()).not.toContain(' test ');

    const again = await initProject(folder, null, { confirm: ({ path }) => path === 'package.json' });
    expect(again.changed).toEqual(['package.json']);
    expect(Object.keys(JSON.parse(read('package.json')).scripts)).toEqual([
      'policy:lint',
      'policy:plan',
      'policy:seed',
    ]);
    writeFileSync(join(folder, 'policy.test.yaml'), 'mine');
    await initProject(folder, null, { confirm: ({ path }) => path === 'package.json' });
    expect(JSON.parse(read('package.json')).scripts).toHaveProperty('policy:test');

    const domains = readFileSync(domainsModelPath, 'utf8');
    const other = await createProject(undefined, { 'model.conf': domains });
    const { kept } = await initProject(other.folder, null, { confirm: () => true });
    expect(kept).toEqual(['model.conf']);
    expect(other.read('model.conf')).toBe(domains);
    expect(other.read('casbin-bootstrap.config.mjs')).toContain(`model: 'model.conf',`);
    const options = { model: join(other.folder, 'model.conf'), policy: join(other.folder, 'policy.yaml') };
    await expect(lintPolicy(options, { coverage: 100 })).resolves.toMatchObject({ ok: true });
    expect(read('model.conf')).not.toBe(domains);
  });

  test.each([
    [{}, undefined, '.mjs'],
    [{ type: 'module' }, undefined, '.js'],
    [{ type: 'module' }, 'tsconfig.json', '.ts'],
  ])('gets modules that it can load: %o, %s', async (manifest, file, ending) => {
    const { folder, read } = await createProject(manifest, file === undefined ? {} : { [file]: '{}' });
    mkdirSync(join(folder, 'node_modules'));
    const { created } = await initProject(folder, null, { form: 'module' });
    expect(created).toEqual(expect.arrayContaining([`policy${ending}`, `casbin-bootstrap.config${ending}`]));
    const imported = ending === '.ts' ? './policy.js' : `./policy${ending}`;
    expect(read(`casbin-bootstrap.config${ending}`)).toContain(`import { policy } from '${imported}';`);
    for (const path of created.filter((one) => one.endsWith(ending))) {
      // The package itself is not installed there.
      const text = read(path).replace(
        /import .* from 'casbin-bootstrap';/,
        'const [defineConfig, definePolicy] = [(x) => x, (x) => x];',
      );
      writeFileSync(join(folder, path), ending === '.ts' ? text.replaceAll('(x)', '(x: object)') : text);
    }
    const {
      config: { policy },
    } = await loadConfigFile(undefined, folder);
    expect(policy).toMatchObject({ roles: { viewer: { permissions: { documents: ['read'] } } } });
  });

  test('keeps the module that its configuration imports, as its own policy', async () => {
    const { folder } = await createProject();
    const { created } = await initProject(folder, null, { form: 'module' });
    // What the command has read from the configuration.
    const policy = { roles: { viewer: { permissions: { documents: ['read'] } } } };
    const again = await initProject(folder, null, { form: 'module' }, { policy });
    expect(again.created).toEqual([]);
    expect(again.kept).toEqual(expect.arrayContaining([...created]));
    expect(again.notes.join()).not.toContain('has a policy of its own');
  });

  test('gets a note about its migration tool, and the table of its adapter', async () => {
    const { folder, read } = await createProject({
      dependencies: { 'casbin-knex-adapter': '1' },
      devDependencies: { prisma: '7' },
      peerDependencies: { 'casbin-bootstrap': '0' },
    });
    const { notes, next } = await initProject(folder, null);
    expect(next[0]).toBe('npx casbin-bootstrap lint');
    expect(notes).toContainEqual(
      'Prisma runs the migrations of this project. Run seed after it, also when nothing was pending: prisma migrate deploy && casbin-bootstrap seed.',
    );
    expect(read('casbin-bootstrap.config.mjs')).toContain(`\n  table: 'policies',\n`);
  });

  test.each([
    ['drizzle-kit', /drizzle-kit migrate && casbin-bootstrap seed\. Drizzle may drop .*schema: 'auth'/],
    ['kysely-ctl', /kysely migrate:latest && casbin-bootstrap seed\. .*withBootstrap/],
    ['umzug', /^Umzug runs .*when nothing was pending\.$/],
  ])('is told what its migration tool needs: %s', async (tool, expected) => {
    const { folder } = await createProject({ devDependencies: { [tool]: '1' } });
    const { notes } = await initProject(folder, null);
    expect(notes).toContainEqual(expect.stringMatching(expected));
    const apart = await initProject(folder, null, {}, { schema: 'auth' });
    expect(apart.notes.join()).not.toContain('may drop tables');
  });

  test.each([
    'casbin-bootstrap.config.json',
    '.config/casbin-bootstrap.config.ts',
    '.config/casbin-bootstrap.cts',
    'casbin-bootstrap.config.yaml',
  ])('keeps its configuration, and gets no second one: %s', async (path) => {
    const { folder } = await createProject();
    mkdirSync(join(folder, '.config'));
    writeFileSync(join(folder, path), '{}');
    const report = await initProject(folder, null, { confirm: () => true });
    expect(report.created).toEqual(['model.conf', 'policy.yaml', 'policy.test.yaml']);
    expect(report.kept).toEqual([path]);
    expect(report.notes).toContain(
      `${path} is the configuration. See that it names the policy (policy.yaml) and the model.`,
    );
  });

  test('does not go on with a model beside a configuration that has its own policy', async () => {
    const { folder } = await createProject(undefined, {
      'model.conf': 'of something else',
      'casbin-bootstrap.config.json': '{}',
    });
    const policy = { roles: { clerk: { permissions: { invoices: ['read'] } } } };
    const { created, kept, notes } = await initProject(folder, null, {}, { policy });
    expect({ created, kept }).toEqual({
      created: [],
      kept: ['package.json', 'casbin-bootstrap.config.json'],
    });
    expect(notes.join()).not.toContain('See that it names the policy');
    expect(notes.join()).toContain('Write requests, each as [sub, obj, act],');
  });

  test('goes on with the model, the schema and the table that are given', async () => {
    const domains = readFileSync(domainsModelPath, 'utf8');
    const { folder, read } = await createProject(undefined, { "it's.conf": domains, 'model.conf': 'other' });
    const options = { model: join(folder, "it's.conf"), schema: 'auth', table: "o'bri\\en" };
    const { created, kept, notes } = await initProject(folder, null, {}, options);
    expect([...created, ...kept]).not.toContain('model.conf');
    expect(read('casbin-bootstrap.config.mjs')).toContain(
      "  model: 'it\\'s.conf',\n  policy: 'policy.yaml',\n  schema: 'auth',\n  table: 'o\\'bri\\\\en',\n",
    );
    expect(notes.join('\n')).not.toContain('does not fit');
  });

  test('gets no model instead of one that is an object, and a policy that fits it', async () => {
    const { folder, read } = await createProject();
    const text = readFileSync(domainsModelPath, 'utf8').replace(
      'r.act ==',
      'sameAction(r.act, p.act) && r.act ==',
    );
    const model = newModelFromString(text);
    const configureEnforcer = (enforcer: Enforcer) => {
      enforcer.addFunction('sameAction', (one: string, other: string) => one === other);
    };
    const { created, notes } = await initProject(folder, null, {}, { model, configureEnforcer });
    expect(created).toEqual(['policy.yaml', 'policy.test.yaml', 'casbin-bootstrap.config.mjs']);
    expect(read('casbin-bootstrap.config.mjs')).toContain("defineConfig({\n  policy: 'policy.yaml',\n");
    expect(notes).toEqual([
      'No database was looked at: the policy is one to begin with.',
      'The model is an object, which is in no file: give it in the configuration, as the option model.',
      DATABASE_NEEDED,
      expect.stringMatching(/^package\.json has no scripts/),
    ]);
    const options = { model, configureEnforcer, policy: join(folder, 'policy.yaml') };
    await expect(testPolicy([join(folder, 'policy.test.yaml')], options)).resolves.toMatchObject({
      ok: true,
    });
    const again = await initProject(folder, null, {}, { model, configureEnforcer });
    expect(again.notes.join()).not.toContain('The model is an object');
    const plain = await createProject();
    const misfit = await initProject(plain.folder, null, {}, { model });
    expect(misfit.notes).toContain('It does not fit the model: lint tells where. Write your own.');
  });

  test('begins with a policy of tenants where its model has domains', async () => {
    const domains = readFileSync(domainsModelPath, 'utf8');
    const { folder } = await createProject(undefined, { 'tenants.conf': domains });
    const model = join(folder, 'tenants.conf');
    await initProject(folder, null, {}, { model });

    const options = { model, policy: join(folder, 'policy.yaml') };
    await expect(lintPolicy(options, { coverage: 100 })).resolves.toMatchObject({ ok: true });
    await expect(testPolicy([join(folder, 'policy.test.yaml')], options)).resolves.toMatchObject({
      ok: true,
      tests: { length: 6 },
    });
  });

  test('is told where its model fits no policy to begin with', async () => {
    const model = readFileSync(domainsModelPath, 'utf8').replaceAll('act', 'act, extra');
    const { folder } = await createProject(undefined, { 'own.conf': model });
    const { notes } = await initProject(folder, null, {}, { model: join(folder, 'own.conf') });
    expect(notes).toContain('It does not fit the model own.conf: lint tells where. Write your own.');
    const options = { model: join(folder, 'own.conf'), policy: join(folder, 'policy.yaml') };
    await expect(lintPolicy(options)).resolves.toMatchObject({ ok: false });
  });

  test('is refused where there is no project, or no such form', async () => {
    await expect(initProject(await createFolder(), null)).rejects.toMatchObject({
      problems: [{ message: expect.stringContaining('npm init') }],
    });
    const { folder } = await createProject();
    await expect(initProject(folder, null, { form: 'xml' as never })).rejects.toMatchObject({
      problems: [{ code: 'OPTION_INVALID', at: 'form', message: 'must be yaml, csv or module.' }],
    });
    for (const [manifest, reason] of [
      ['[', /JSON/],
      ['[]', /it is not an object/],
      ['{"scripts":null}', /its scripts are not an object/],
      ['{"scripts":[]}', /its scripts are not an object/],
    ] as const) {
      writeFileSync(join(folder, 'package.json'), manifest);
      await expect(initProject(folder, null)).rejects.toMatchObject({
        problems: [{ at: join(folder, 'package.json'), message: expect.stringMatching(reason) }],
      });
    }
  });

  test.each([
    ['\t', /\n\t"scripts": \{\n\t\t"policy:lint": /],
    ['    ', /\n {4}"scripts": \{\n {8}"policy:lint": /],
  ])('keeps the indentation of its package.json: %j', async (indentation, expected) => {
    const { folder, read } = await createProject();
    writeFileSync(join(folder, 'package.json'), `{\n${indentation}"name": "shop"\n}\n`);
    await initProject(folder, null, { confirm: () => true });
    expect(read('package.json')).toMatch(expected);
  });

  test('keeps the byte order mark of its package.json', async () => {
    const { folder, read } = await createProject();
    writeFileSync(join(folder, 'package.json'), '\uFEFF{"name":"shop"}');
    await initProject(folder, null, { confirm: () => true });
    expect(read('package.json')).toMatch(/^\uFEFF\{\s*"name": "shop",\s*"scripts": \{/);
  });

  test('stays as it is if one of its files can not be read', async () => {
    const { folder } = await createProject();
    mkdirSync(join(folder, 'policy.yaml'));
    mkdirSync(join(folder, 'policy.test.yaml'));
    await expect(initProject(folder, null, { confirm: () => true })).rejects.toMatchObject({
      problems: [
        { at: 'policy.yaml', message: expect.stringContaining('EISDIR') },
        { at: 'policy.test.yaml', message: expect.stringContaining('Rename or remove it') },
      ],
    });
    expect(readdirSync(folder).sort()).toEqual(['package.json', 'policy.test.yaml', 'policy.yaml']);
  });

  test('stays as it is until the last question is answered', async () => {
    const { folder, read } = await createProject(undefined, {
      'policy.yaml': 'mine',
      'policy.test.yaml': 'mine',
    });
    const asked: string[] = [];
    const confirm = ({ path }: ProjectChange) => {
      asked.push(path);
      if (path === 'package.json') throw new Error('interrupted');
      return true;
    };
    await expect(initProject(folder, null, { confirm })).rejects.toThrow('interrupted');
    expect(asked).toEqual(['policy.yaml', 'policy.test.yaml', 'package.json']);
    expect(readdirSync(folder).sort()).toEqual(['package.json', 'policy.test.yaml', 'policy.yaml']);
    expect(read('policy.yaml')).toBe('mine');
  });

  test('gets no file through a broken link', async () => {
    const { folder } = await createProject();
    const other = join(await createFolder(), 'elsewhere.conf');
    symlinkSync(other, join(folder, 'model.conf'));
    await expect(initProject(folder, null)).rejects.toMatchObject({
      problems: [{ at: 'model.conf', message: expect.stringContaining('EEXIST') }],
    });
    expect(existsSync(other)).toBe(false);
  });
});
