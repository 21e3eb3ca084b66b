import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Enforcer } from 'casbin';
import { describe, expect, test } from 'vitest';
import {
  bootstrapDatabase,
  defaultModelPath,
  definePolicy,
  domainsModelPath,
  initProject,
  loadPolicyFile,
  testPolicy,
} from '../../src/index.ts';
import { createDatabase } from '../support/database.ts';
import { createProject } from './project.fixture.ts';

describe('a project with a database', () => {
  const policy = definePolicy({
    roles: {
      viewer: { permissions: { invoices: ['read'] } },
      clerk: { inherits: ['viewer'], permissions: { invoices: ['write', 'delete'] } },
      manager: { inherits: ['clerk'] },
      director: { inherits: ['manager'], permissions: { ledger: ['read'] } },
    },
  });

  test.each([
    ['casbin_rule', {}],
    ['the "rules"', { table: 'the "rules"' }],
  ])('gets the policy that is there, and the table: %s', async (table, options) => {
    const pool = (await createDatabase()).pool();
    await bootstrapDatabase(pool, { policy, seeders: [], table });
    const assign = (user: string) =>
      pool.query(
        `insert into "${table.replaceAll('"', '""')}" (ptype, v0, v1) values ('g', '${user}', 'clerk')`,
      );
    await assign('alice');
    const { folder, read } = await createProject();
    const { notes } = await initProject(folder, pool, {}, options);
    expect(notes[0]).toBe(
      'The policy is the one that the database has; 1 link of a user to a role stays in the database alone.',
    );
    await assign('bob');
    const other = await createProject();
    expect((await initProject(other.folder, pool, {}, options)).notes[0]).toContain(
      '; 2 links of users to roles stay in the database alone.',
    );
    await expect(loadPolicyFile(join(folder, 'policy.yaml'))).resolves.toEqual(policy);
    expect(read('casbin-bootstrap.config.mjs')).toContain(`\n  table: '${table}',\n`);
    const tests = join(folder, 'policy.test.yaml');
    await expect(testPolicy([tests], { policy })).resolves.toMatchObject({ ok: true, tests: { length: 3 } });
    expect(read('policy.test.yaml')).toBe(
      'allow:\n  - [viewer, invoices, read]\n  - [clerk, invoices, write]\n  - [director, ledger, read]\n',
    );
  });

  test('keeps its own policy beside another one of the database, and is told so', async () => {
    const pool = (await createDatabase()).pool();
    await bootstrapDatabase(pool, { policy, seeders: [] });
    const { folder, read } = await createProject(undefined, { 'policy.yaml': 'mine' });
    const { notes } = await initProject(folder, pool);
    expect(notes[0]).toBe(
      'policy.yaml was kept, so the policy of the database was not written. To compare them: casbin-bootstrap diff policy.yaml database',
    );
    expect(notes.join()).not.toContain('The policy is the one that the database has');
    expect(read('policy.yaml')).toBe('mine');
    const empty = await initProject(folder, (await createDatabase()).pool());
    expect(empty.notes[0]).toBe('The database holds no rules.');
  });

  /** The database and the project of an application with a model of its own. */
  async function withOwnModel(matcher: string) {
    const pool = (await createDatabase()).pool();
    const effect = 'some(where (p.eft == allow)) && !some(where (p.eft == deny))';
    const text = readFileSync(domainsModelPath, 'utf8')
      .replaceAll(', dom', '')
      .replace(/^p = .*$/m, 'p = sub, obj, act, eft')
      .replace(/^g = .*$/m, 'g = _, _')
      .replace(/^e = .*$/m, `e = ${effect}`)
      .replace(/^m = .*$/m, `m = ${matcher}`);
    const project = await createProject(undefined, { 'model.conf': text });
    const model = join(project.folder, 'model.conf');
    const stored = definePolicy({
      rules: [
        ['p', 'eve', 'data1', 'read', 'allow'],
        ['p', 'bob', 'data1', 'read', 'deny'],
      ],
    });
    await bootstrapDatabase(pool, { policy: stored, model, seeders: [] });
    return { ...project, pool, options: { model, policy: stored } };
  }

  describe('with rules that have domains', () => {
    async function withDomains(files: Record<string, string> = {}) {
      const pool = (await createDatabase()).pool();
      const stored = definePolicy({ rules: [['p', 'clerk', 'acme', 'invoices', 'read']] });
      await bootstrapDatabase(pool, { policy: stored, model: domainsModelPath, seeders: [] });
      return { pool, ...(await createProject(undefined, files)) };
    }

    test('is refused without their model, and stays as it is', async () => {
      const { pool, folder } = await withDomains();
      const error = await initProject(folder, pool).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({
        problems: [
          {
            code: 'OPTION_INVALID',
            at: 'model',
            message:
              'the database has rules that do not fit the model of this package, such as "p, clerk, acme, invoices, read". Name the model of the application, by --model FILE on the command line, or put it into the project as model.conf. If the model of this package is the right one, correct these rules: casbin-bootstrap doctor lists them. Nothing was written.',
          },
        ],
      });
      expect(readdirSync(folder)).toEqual(['package.json']);
      const { notes } = await initProject(folder, pool, {}, { model: domainsModelPath });
      expect(notes[0]).toBe('The policy is the one that the database has.');
      expect(notes.join()).not.toContain('does not fit');
    });

    test('keeps its own model and policy beside them, which need not fit', async () => {
      const files = { 'model.conf': readFileSync(defaultModelPath, 'utf8'), 'policy.yaml': 'mine' };
      const { pool, folder } = await withDomains(files);
      const { created, notes } = await initProject(folder, pool);
      expect(created).toEqual(['casbin-bootstrap.config.mjs']);
      expect(notes.join()).not.toContain('does not fit');
    });

    test('is told where its own model does not fit them, and gets no tests', async () => {
      const { pool, folder } = await withDomains({ 'model.conf': readFileSync(defaultModelPath, 'utf8') });
      const { created, notes } = await initProject(folder, pool);
      expect(created).not.toContain('policy.test.yaml');
      expect(notes).toContain(
        'The policy of the database does not fit the model: lint tells where. Name the model of the application.',
      );
    });
  });

  test('gets tests that pass on what is there, in its own model', async () => {
    const { folder, read, pool, options } = await withOwnModel(
      'g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act',
    );
    const { notes } = await initProject(folder, pool);

    expect(read('policy.test.yaml')).toBe('allow:\n  - [eve, data1, read]\ndeny:\n  - [bob, data1, read]\n');
    const tests = testPolicy([join(folder, 'policy.test.yaml')], options);
    expect(await tests).toMatchObject({ ok: true, tests: { length: 2 } });
    expect(notes.join()).not.toMatch(/need a database|does not fit/);
  });

  test('gets tests of what its own enforcer answers, and none for links of roles', async () => {
    const pool = (await createDatabase()).pool();
    const text = readFileSync(defaultModelPath, 'utf8')
      .replaceAll(', act', '')
      .replace(/^p = .*$/m, 'p = sub, obj, eft')
      .replace(/^g = .*$/m, 'g = _, _, _')
      .replace(/^e = .*$/m, 'e = some(where (p.eft == allow)) && !some(where (p.eft == deny))')
      .replace(/^m = .*$/m, 'm = g(r.sub, p.sub, r.obj) && r.obj == p.obj');
    const { folder, read } = await createProject(undefined, { 'model.conf': text });
    const everybody = (_: string, pattern: string) => pattern === 'everybody';
    const options = {
      model: join(folder, 'model.conf'),
      policy: definePolicy({
        rules: [
          ['p', 'eve', 'data', 'allow'],
          ['p', 'viewer', 'data', 'deny'],
          ['p', 'everybody', 'news', 'allow'],
          ['g', 'everybody', 'viewer', 'data'],
          ['g', 'boss', 'lead', 'data'],
          ['g', 'lead', 'viewer', 'data'],
        ],
      }),
      configureEnforcer: (enforcer: Enforcer) => enforcer.addNamedMatchingFunc('g', everybody),
    };
    await bootstrapDatabase(pool, { ...options, seeders: [] });
    const { configureEnforcer } = options;
    await initProject(folder, pool, {}, { configureEnforcer });

    expect(read('policy.test.yaml')).toBe(
      'allow:\n  - [everybody, news]\ndeny:\n  - [eve, data]\n  - [viewer, data]\n',
    );
  });

  test('gets no test of a request that Casbin can not decide', async () => {
    const pool = (await createDatabase()).pool();
    const text = readFileSync(defaultModelPath, 'utf8').replace(/^m = /m, 'm = isKnown(r.sub) && ');
    const { folder, read } = await createProject(undefined, { 'model.conf': text });
    const knowing = (isKnown: (name: string) => boolean) => (enforcer: Enforcer) =>
      enforcer.addFunction('isKnown', isKnown);
    const policy = definePolicy({ rules: ['eve', 'bob'].map((name) => ['p', name, 'data', 'read']) });
    const model = join(folder, 'model.conf');
    await bootstrapDatabase(pool, { model, policy, configureEnforcer: knowing(() => true), seeders: [] });
    const failing = knowing((name) => {
      if (name === 'bob') throw new Error('not known');
      return true;
    });
    await initProject(folder, pool, {}, { configureEnforcer: failing });

    expect(read('policy.test.yaml')).toBe('allow:\n  - [eve, data, read]\n');
  });

  test('gets no tests that fail where no requests follow from the rules, and is told how to write some', async () => {
    const { folder, pool, options } = await withOwnModel(
      'g(r.sub, p.sub) && keyMatch(r.obj, p.obj) && r.act == p.act',
    );
    const { created, notes, next } = await initProject(folder, pool);

    expect(created).not.toContain('policy.test.yaml');
    expect(next.join()).not.toContain('test policy.test.yaml');
    const [told = ''] = notes.filter((note) => note.startsWith('There are no tests of your policy yet.'));
    expect(told).toContain(
      'Write requests, each as [sub, obj, act], below allow: and deny: into policy.test.yaml',
    );
    writeFileSync(join(folder, 'policy.test.yaml'), 'allow:\n  - [eve, data1, read]\n');
    await expect(testPolicy([join(folder, 'policy.test.yaml')], options)).resolves.toMatchObject({
      ok: true,
    });
  });

  describe('with rules that hold patterns', () => {
    const text = readFileSync(defaultModelPath, 'utf8').replace(
      /^m = .*$/m,
      'm = g(r.sub, p.sub) && keyMatch2(r.obj, p.obj) && regexMatch(r.act, p.act)',
    );
    const some = [
      ['p', 'clerk', '/invoices/:id', '(GET)|(PUT)'],
      ['p', 'clerk', '/invoices/:number', 'GET'],
      ['p', 'boss', '/reports/*', '.*'],
      ['g', 'boss', 'clerk'],
      ['g', 'boss', 'deputy'],
      ['g', 'deputy', 'clerk'],
    ];

    /** A project with such a model, and the database that it had these rules from. */
    async function withPatterns(rules: string[][], files: Record<string, string> = {}) {
      const pool = (await createDatabase()).pool();
      const project = await createProject(undefined, { 'model.conf': text, ...files });
      const options = { model: join(project.folder, 'model.conf'), seeders: [] };
      await bootstrapDatabase(pool, { ...options, policy: definePolicy({ rules }) });
      return { pool, options, folder: project.folder, policy: join(project.folder, 'policy.yaml') };
    }

    test('gets samples that the patterns match, so that a bootstrap verifies them', async () => {
      const { pool, options, folder, policy } = await withPatterns(some);
      const { notes } = await initProject(folder, pool);
      expect((await loadPolicyFile(policy)).samples).toEqual([
        ['clerk', '/invoices/1', 'GET'],
        ['boss', '/reports/1', '1'],
        ['boss', '/invoices/1', 'GET'],
        ['deputy', '/invoices/1', 'GET'],
      ]);
      expect(notes).toContainEqual(expect.stringMatching(/^The requests under samples were made/));
      const report = await bootstrapDatabase(pool, { ...options, policy });
      expect(report).toMatchObject({ changed: false, verification: { checks: 4, allowed: 4 } });
    });

    test.each<[string, 'yaml' | 'csv', Record<string, string>]>([
      ['in CSV, which has none', 'csv', {}],
      ['where it keeps its own policy', 'yaml', { 'policy.yaml': 'mine' }],
    ])('is told of no samples %s', async (_, form, files) => {
      const { pool, folder } = await withPatterns(some, files);
      const { notes } = await initProject(folder, pool, { form });
      expect(notes.join()).not.toContain('samples');
    });

    test('gets samples for the first of very many rules, as time is limited', async () => {
      const many = Array.from({ length: 2_000 }, (_, n) => ['p', 'clerk', `/invoices/:id/lines/${n}`, 'GET']);
      const { pool, folder, policy } = await withPatterns(many);
      await initProject(folder, pool);
      expect((await loadPolicyFile(policy)).samples).toHaveLength(50);
    });
  });

  test.each([
    ['no table', null],
    ['an empty one', 'casbin'],
    ['an empty one of another name', 'casbin_rule'],
  ])('gets an example to begin with if the database has %s', async (_, table) => {
    const pool = (await createDatabase()).pool();
    if (table !== null) await bootstrapDatabase(pool, { policy: null, seeders: [], table });
    const { folder, read } = await createProject();
    const { notes } = await initProject(folder, pool, { form: 'csv' });
    expect(notes).toContain('The database holds no rules: the policy is one to begin with.');
    expect(read('policy.csv')).toBe(
      'p, viewer, documents, read\np, editor, documents, write\ng, editor, viewer\n',
    );
    const [named] = /table: .*/.exec(read('casbin-bootstrap.config.mjs')) ?? [];
    expect(named).toBe(table === 'casbin_rule' ? `table: 'casbin_rule',` : undefined);
  });
});
