import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { NODE_FLAGS } from '../support/node-flags.ts';

const run = promisify(execFile);

/** What npx runs. */
const COMMAND = 'node_modules/casbin-bootstrap/dist/cli.js';

let folder: string;
let files: string[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'casbin-bootstrap-package-'));
  // The build that the suite has made: another one now would pull it from under the other tests.
  const { stdout } = await run('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder]);
  const packed: { filename: string; files: { path: string }[] }[] = Object.values(JSON.parse(stdout));
  files = packed.flatMap((tarball) => tarball.files.map(({ path }) => path));
  await writeFile(join(folder, 'package.json'), '{ "name": "empty", "private": true, "type": "module" }');
  const packages = [`./${packed[0]?.filename}`, '@types/node@20', '@types/pg'];
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
  const built = ['chunks', 'index', 'cli', 'embedded', 'kysely', 'testing', 'types', 'page', 'new-cluster'];
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

test('the library runs in an empty project', async () => {
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

test('the command runs in an empty project', async () => {
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

const FIRST_SESSION = new URL('../../docs/first-session.md', import.meta.url).pathname;

test('docs/first-session.md is what a first session prints; vitest --update writes it', async () => {
  const shop = join(folder, 'shop');
  await mkdir(shop);
  await writeFile(join(shop, 'package.json'), '{ "name": "shop", "private": true, "type": "module" }');
  const { DATABASE_URL: _, ...env } = process.env;
  const blocks: string[] = [];
  const type = async (command: string) => {
    // What npx would run, without its own time.
    const given = [...NODE_FLAGS, join(folder, COMMAND), ...command.split(' ').slice(2)];
    const ran: { stdout: string; stderr: string; code?: number } = await run(process.execPath, given, {
      cwd: shop,
      env: { ...env, PGSERVICE: undefined },
    }).catch((error) => error);
    const { stdout, stderr, code } = ran;
    const output = `${stdout}${stderr}`
      .replaceAll(shop, '/shop')
      .replace(/(in|after) [\d.]+ m?s\b/g, '$1 … ms');
    const end = code === undefined ? '' : `\n$ echo $?\n${code}`;
    blocks.push(`\`\`\`console\n$ ${command}\n${output.trimEnd()}${end}\n\`\`\``);
  };
  const say = (text: string) => blocks.push(text);

  say('# A first session');
  say(
    'In an empty project, after `npm install casbin-bootstrap casbin pg kysely`. The database is a PostgreSQL inside the process; for a server, set `DATABASE_URL` and leave `--embedded` out.',
  );
  await type('npx casbin-bootstrap init');
  say('The policy to begin with has a viewer and an editor, and something that must never be:');
  blocks.push(`\`\`\`yaml\n${(await readFile(join(shop, 'policy.yaml'), 'utf8')).trimEnd()}\n\`\`\``);
  await type('npx casbin-bootstrap lint');
  await type('npx casbin-bootstrap plan --embedded');
  say('Exit code 3 says that something would be done.');
  await type('npx casbin-bootstrap seed --embedded');
  await type('npx casbin-bootstrap verify --embedded');
  say(
    'Now editors shall delete documents too. In `policy.yaml`, `documents: [write]` becomes `documents: [write, delete]`.',
  );
  const edited = (await readFile(join(shop, 'policy.yaml'), 'utf8')).replace('[write]', '[write, delete]');
  await writeFile(join(shop, 'policy.yaml'), edited);
  await type('npx casbin-bootstrap diff database policy.yaml --embedded');
  say('The database does not know it yet, and says why not:');
  await type('npx casbin-bootstrap explain editor documents delete --embedded');
  await type('npx casbin-bootstrap seed --embedded');
  await type('npx casbin-bootstrap explain editor documents delete --embedded');

  await expect(`${blocks.join('\n\n')}\n`).toMatchFileSnapshot(FIRST_SESSION);
}, 240_000);

test('a CommonJS project in strict TypeScript compiles against it, and runs', async () => {
  const program = `
    import { Enforcer } from 'casbin';
    import { BootstrapError, bootstrapDatabase, createEnforcer, createPage, definePolicy, InvalidOptionsError } from 'casbin-bootstrap';
    import { createEmbeddedPool } from 'casbin-bootstrap/embedded';

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
  expect(stdout).toBe('true true true true\nINVALID_OPTIONS true\n<!doctype html>\n');
});
