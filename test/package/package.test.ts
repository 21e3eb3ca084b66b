import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { STARTS_PGLITE } from '../embedded/timeout.ts';
import { createDatabase } from '../support/database.ts';
import { NODE_FLAGS } from '../support/node-flags.ts';
import { freePort } from '../support/server.ts';
import { replay } from './session.fixture.ts';

const run = promisify(execFile);

/** What npx runs. */
const COMMAND = 'node_modules/casbin-bootstrap/dist/cli.js';

let folder: string;
let files: string[];
let tarball: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'casbin-bootstrap-package-'));
  // The build that the suite has made: another one now would pull it from under the other tests.
  const { stdout } = await run('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder]);
  const packed: { filename: string; files: { path: string }[] }[] = Object.values(JSON.parse(stdout));
  files = packed.flatMap((tarball) => tarball.files.map(({ path }) => path));
  await writeFile(join(folder, 'package.json'), '{ "name": "empty", "private": true, "type": "module" }');
  tarball = join(folder, `${packed[0]?.filename}`);
  const packages = [tarball, '@types/node@20', '@types/pg'];
  await run('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', ...packages], { cwd: folder });
}, 240_000);

afterAll(() => rm(folder, { recursive: true, force: true }));

test('the tarball holds model, migrations, src, dist, README and LICENSE, and nothing else', () => {
  const roots = new Set(files.map((path) => path.split('/')[0]));
  const sources = ['migrations', 'model', 'src'];
  expect([...roots].sort()).toEqual(['LICENSE', 'README.md', 'dist', ...sources, 'package.json'].sort());
  expect(files).toContain('model/rbac_model.conf');
  expect(files).toContain('migrations/0001_casbin.ts');
  expect(files).toContain('model/policy.schema.json');
  expect(files).toContain('dist/new-cluster.tar.br');
  const entries = ['index', 'cli', 'embedded', 'express', 'fastify', 'kysely', 'nestjs', 'testing'];
  const built = [...entries, 'chunks', 'types', 'page', 'new-cluster'];
  expect(files.flatMap((path) => /^dist\/(\w+(?:-\w+)?)/.exec(path)?.[1] ?? [])).toSatisfy(
    (names: string[]) => names.every((name) => built.includes(name)),
  );
  expect(files.filter((path) => /^test\/|\.test\./.test(path) || path.includes('.tsbuildinfo'))).toEqual([]);
});

test('what maps and declarations name is in the tarball', async () => {
  const installed = join(folder, 'node_modules/casbin-bootstrap');
  const missing = await Promise.all(
    files.map(async (path) => {
      if (!/^dist\/.*\.(map|d\.c?ts)$/.test(path)) return [];
      const text = await readFile(join(installed, path), 'utf8');
      const names = path.endsWith('.map')
        ? JSON.parse(text).sources
        : Array.from(text.matchAll(/['"](\.[^'"]+)\.(c?)js['"]/g), ([, name, c]) => `${name}.d.${c}ts`);
      return names.map((name: string) => join(dirname(path), name));
    }),
  );
  const named = new Set(missing.flat());
  expect(named.size).toBeGreaterThan(files.filter((path) => path.startsWith('src/')).length);
  expect([...named].filter((path) => !files.includes(path))).toEqual([]);
  const declarations = files.filter((path) => /\.d\.c?ts$/.test(path) && path.startsWith('dist/'));
  const texts = await Promise.all(declarations.map((path) => readFile(join(installed, path), 'utf8')));
  expect(texts.filter((text) => /['"]\.[^'"]*\.ts['"]/.test(text))).toEqual([]);
});

test('the package may be installed beside any version of a framework or a test runner', async () => {
  const project = join(folder, 'beside');
  const names = ['@nestjs/common', '@nestjs/core', 'fastify', 'jest', 'vitest'];
  for (const name of names) {
    await mkdir(join(project, name), { recursive: true });
    await writeFile(join(project, name, 'package.json'), JSON.stringify({ name, version: '1.0.0' }));
  }
  const dependencies = Object.fromEntries(names.map((name) => [name, `file:${name}`]));
  await writeFile(join(project, 'package.json'), JSON.stringify({ private: true, dependencies }));
  const install = ['install', '--dry-run', '--no-audit', '--no-fund', '--prefer-offline', tarball];
  await expect(run('npm', install, { cwd: project })).resolves.toHaveProperty(
    'stdout',
    expect.stringContaining('casbin-bootstrap'),
  );
}, 120_000);

test('the library runs in an empty project', STARTS_PGLITE, async () => {
  const script = `
    import { bootstrapDatabase, createEnforcer, createPage, defaultModelPath } from 'casbin-bootstrap';
    import { createEmbeddedPool } from 'casbin-bootstrap/embedded';
    const pool = createEmbeddedPool();
    const { changed, verification } = await bootstrapDatabase(pool, { model: defaultModelPath });
    const enforcer = await createEnforcer(pool);
    const page = await createPage(pool);
    console.log(changed, verification.checks, await enforcer.enforce('admin', 'accounts', 'read'));
    console.log(page.slice(0, 15), page.includes('The database decides as defined'));
    await pool.end();
  `;
  await writeFile(join(folder, 'app.js'), script);
  const { stdout } = await run(process.execPath, [...NODE_FLAGS, 'app.js'], { cwd: folder });
  expect(stdout).toBe('true 56 true\n<!doctype html> true\n');
});

test('the command runs in an empty project', STARTS_PGLITE, async () => {
  const { DATABASE_URL: _, ...env } = process.env;
  const { stdout } = await run('npx', ['--no-install', 'casbin-bootstrap', 'seed', '--embedded'], {
    cwd: folder,
    env,
  });
  expect(stdout).toContain('56 decisions verified: 26 allow, 30 deny');
  const again = await run(process.execPath, [...NODE_FLAGS, COMMAND, 'seed', '--embedded'], {
    cwd: folder,
    env,
  });
  expect(again.stdout).toContain('Nothing to do');
});

const GETTING_STARTED = new URL('../../docs/getting-started.md', import.meta.url).pathname;

test('docs/getting-started.md can be followed from top to bottom; vitest --update writes what is printed', async () => {
  const database = await createDatabase();
  const { host, username } = new URL(database.url);
  const shop = join(folder, 'shop');
  await mkdir(shop);
  // Of what was unpacked already, its own install checks all and adds what is missing. npm replaces files, so links
  // will do.
  await run('cp', ['-Rl', 'node_modules', shop], { cwd: folder });
  const port = String(await freePort());
  const replayed = await replay(GETTING_STARTED, {
    folder: shop,
    env: {
      ...withoutRunner(),
      NO_COLOR: '1',
      npm_config_prefer_offline: 'true',
      npm_config_audit: 'false',
      npm_config_update_notifier: 'false',
    },
    replaced: [
      ['install casbin-bootstrap ', `install ${tarball} `],
      ['postgres://shop@localhost/shop', database.url],
      [`localhost:5432/shop, as shop`, `${host}/${database.name}, as ${username}`],
      ['localhost:3000', `localhost:${port}`],
      ['PORT=3000', `PORT=${port}`],
    ],
  });
  await expect(replayed).toMatchFileSnapshot(GETTING_STARTED);
}, 240_000);

/** A runner of tests that is started by another one takes itself for a worker of it. */
function withoutRunner(): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(
    ([name]) => !/^(VITEST|NODE_|TEST$|PORT$|PG|DATABASE_URL$)/.test(name),
  );
  return Object.fromEntries(own);
}

test('a CommonJS project in strict TypeScript compiles against it, and runs', STARTS_PGLITE, async () => {
  const program = `
    import { Enforcer } from 'casbin';
    import { BootstrapError, bootstrapDatabase, createEnforcer, createPage, definePolicy, InvalidOptionsError } from 'casbin-bootstrap';
    import { createEmbeddedPool } from 'casbin-bootstrap/embedded';
    import { createRequires } from 'casbin-bootstrap/express';

    const policy = definePolicy({ roles: { viewer: { permissions: { invoices: ['read'] } } } });

    async function main(): Promise<void> {
      const pool = createEmbeddedPool();
      const { changed, verification } = await bootstrapDatabase(pool, { policy });
      const enforcer: Enforcer = await createEnforcer(pool, { policy });
      const allowed = await enforcer.enforce('viewer', 'invoices', 'read');
      const error: unknown = await bootstrapDatabase(pool, { policy: 'none.yaml' }).catch((e: unknown) => e);
      await pool.end();
      let other: unknown;
      try {
        createEmbeddedPool({ dataDir: '' });
      } catch (thrown) {
        other = thrown;
      }
      console.log(changed, verification.ok, allowed, enforcer instanceof Enforcer);
      console.log(error instanceof InvalidOptionsError && error.code, other instanceof BootstrapError);
      const page: string = await createPage(null, { policy });
      console.log(page.slice(0, 15));
      const requires = createRequires({ enforcer, policy, subject: () => 'viewer' });
      console.log(typeof requires('invoices', 'read'));
    }
    void main();
  `;
  await writeFile(join(folder, 'app.cts'), program);
  const compiler = [
    '--strict',
    '--module',
    'node16',
    '--target',
    'es2022',
    '--lib',
    'es2023,esnext.disposable',
    '--types',
    'node',
  ];
  const { version } = JSON.parse(await readFile(join(folder, 'node_modules/kysely/package.json'), 'utf8'));
  // From 0.29 on, Kysely is a module only, which the compiler does not let CommonJS declarations import.
  if (!version.startsWith('0.28.')) compiler.push('--skipLibCheck');
  await run(join(process.cwd(), 'node_modules/.bin/tsc'), [...compiler, 'app.cts'], { cwd: folder });
  const { stdout } = await run(process.execPath, [...NODE_FLAGS, 'app.cjs'], { cwd: folder });
  expect(stdout).toBe('true true true true\nINVALID_OPTIONS true\n<!doctype html>\nfunction\n');
});
