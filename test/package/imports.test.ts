import { execFile } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { writeTemporary } from '../policy/temporary-file.ts';
import { createFolder } from '../support/folder.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The files that a process has loaded, by what V8 counts as covered: of either module system. */
function filesLoadedBy(script: string): Promise<string[]> {
  const files = runs.get(script) ?? runCovered(script);
  runs.set(script, files);
  return files;
}

const runs = new Map<string, Promise<string[]>>();

async function runCovered(script: string): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'casbin-bootstrap-imports-'));
  try {
    const env = { ...process.env, NODE_V8_COVERAGE: folder };
    await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], { cwd: ROOT, env });
    const files = await Promise.all(
      (await readdir(folder)).map((file) => readFile(join(folder, file), 'utf8')),
    );
    const scripts: { url: string }[] = files.flatMap((file) => JSON.parse(file).result);
    return scripts.map(({ url }) => url);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function packagesLoadedBy(script: string): Promise<Set<string>> {
  const names = (await filesLoadedBy(script)).map(
    (url) => /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1],
  );
  return new Set(names.filter((name) => name !== undefined));
}

async function packagesBeyondPeers(script: string): Promise<string[]> {
  const [loaded, peers] = await Promise.all([
    packagesLoadedBy(script),
    packagesLoadedBy(`import 'casbin'; import 'kysely';`),
  ]);
  expect([...loaded]).toEqual(expect.arrayContaining(['casbin', 'kysely']));
  return [...loaded].filter((name) => !peers.has(name)).sort();
}

describe('loads beside casbin and kysely', () => {
  test('nothing, when it is imported', async () => {
    expect(await packagesBeyondPeers(`import 'casbin-bootstrap';`)).toEqual([]);
  });

  test('what the embedded database needs, and no test runner, when its testing is imported', async () => {
    const script = `
      import { assertAllowed, assertDenied, collectPolicyTests } from 'casbin-bootstrap/testing';
      if ([assertAllowed, assertDenied, collectPolicyTests].includes(undefined)) throw new Error('missing');
    `;
    const embedded = await packagesBeyondPeers(
      `import 'casbin-bootstrap'; import 'casbin-bootstrap/embedded';`,
    );
    expect(await packagesBeyondPeers(script)).toEqual(embedded);
  });

  test('nothing, when it compiles a policy', async () => {
    const script = `
      import { definePolicy, policyToCsv } from 'casbin-bootstrap';
      policyToCsv(definePolicy({ roles: { viewer: { permissions: { invoices: ['read'] } } } }));
    `;
    expect(await packagesBeyondPeers(script)).toEqual([]);
  });

  test('the checks of options, and no logger, when a database is bootstrapped', async () => {
    const script = `
      import { bootstrapDatabase } from 'casbin-bootstrap';
      await bootstrapDatabase({ connect: () => Promise.reject(new Error('not now')) }).catch(() => {});
    `;
    expect(await packagesBeyondPeers(script)).toEqual(['valibot']);
  });

  test('the parser of YAML, and not that of JSON, when a YAML file is loaded', async () => {
    const path = await writeTemporary(
      'policy.yaml',
      'roles: { viewer: { permissions: { invoices: [read] } } }',
    );
    const loaded = await packagesBeyondPeers(`
      import { loadPolicyFile } from 'casbin-bootstrap';
      await loadPolicyFile(${JSON.stringify(path)});
    `);
    expect(loaded).toContain('yaml');
    expect(loaded).not.toContain('jsonc-parser');
  });

  test.for([
    ['express', ['valibot']],
    ['fastify', ['fastify-plugin', 'valibot']],
  ] as const)('no framework, when what is for %s is imported', async ([name, expected]) => {
    expect(await packagesBeyondPeers(`import 'casbin-bootstrap/${name}';`)).toEqual(expected);
  });

  test('casbin-pg-adapter, with pg, when an adapter is made', async () => {
    const script = `
      import { createAdapter } from 'casbin-bootstrap';
      createAdapter({ connect: () => Promise.reject(new Error('not now')) });
    `;
    expect(await packagesBeyondPeers(script)).toEqual(expect.arrayContaining(['casbin-pg-adapter', 'pg']));
  });
});

test('what makes a page is loaded when a page is made, and not before', async () => {
  const isOfPage = (url: string) => /dist\/chunks\/(render|collect)-page/.test(url);
  const atImport = await filesLoadedBy(`import 'casbin-bootstrap';`);
  const atCall = await filesLoadedBy(`
    import { createPage } from 'casbin-bootstrap';
    await createPage(null);
  `);
  expect(atImport.filter(isOfPage)).toEqual([]);
  expect(atCall.filter(isOfPage)).toHaveLength(2);
});

test.for([[['--version']], [['--help']], [['seed', '--nothing']], [['complete', '--', 'seed', '--']]])(
  'the command line loads nothing of the library for %o',
  async ([args]) => {
    const script = `
      process.argv = [process.execPath, 'casbin-bootstrap', ...${JSON.stringify(args)}];
      await import('./dist/cli.js');
      process.exitCode = 0;
    `;
    expect([...(await packagesLoadedBy(script))].sort()).toEqual(['@bomb.sh/tab', 'commander']);
  },
);

test('says what to do where its own files were left behind', async () => {
  const folder = await createFolder();
  await cp(join(ROOT, 'dist/index.js'), join(folder, 'index.js'));
  await cp(join(ROOT, 'dist/chunks'), join(folder, 'chunks'), { recursive: true });
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'), 'junction');

  const run = promisify(execFile)(process.execPath, ['index.js'], { cwd: folder });

  await expect(run).rejects.toMatchObject({
    stderr: expect.stringMatching(
      /casbin-bootstrap reads model\/rbac_model\.conf .* not there: .*\. Leave it out of the bundle, .* outputFileTracingIncludes/,
    ),
  });
});
