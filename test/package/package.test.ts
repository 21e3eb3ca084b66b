import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';

const run = promisify(execFile);

let folder: string;
let files: string[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'casbin-bootstrap-package-'));
  // The build that the suite has made: another one now would pull it from under the other tests.
  const { stdout } = await run('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder]);
  const packed: { filename: string; files: { path: string }[] }[] = Object.values(JSON.parse(stdout));
  files = packed.flatMap((tarball) => tarball.files.map(({ path }) => path));
  await writeFile(join(folder, 'package.json'), '{ "name": "empty", "private": true, "type": "module" }');
  await run('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', `./${packed[0]?.filename}`], {
    cwd: folder,
  });
}, 240_000);

afterAll(() => rm(folder, { recursive: true, force: true }));

test('the tarball holds model, migrations, dist, README and LICENSE, and nothing else', () => {
  const roots = new Set(files.map((path) => path.split('/')[0]));
  expect([...roots].sort()).toEqual(['LICENSE', 'README.md', 'dist', 'migrations', 'model', 'package.json']);
  expect(files).toContain('model/rbac_model.conf');
  expect(files).toContain('migrations/0001_casbin.ts');
  expect(files).toContain('model/policy.schema.json');
  expect(files).toContain('dist/src/index.d.ts');
  expect(files).toContain('dist/src/index.js.map');
  expect(files.filter((path) => /^test\/|\.test\./.test(path) || path.includes('.tsbuildinfo'))).toEqual([]);
});

test('the library runs in an empty project', async () => {
  const script = `
    import { bootstrapDatabase, createEnforcer, defaultModelPath } from 'casbin-bootstrap';
    import { createEmbeddedPool } from 'casbin-bootstrap/embedded';
    const pool = createEmbeddedPool();
    const { changed, verification } = await bootstrapDatabase(pool, { model: defaultModelPath });
    const enforcer = await createEnforcer(pool);
    console.log(changed, verification.checks, await enforcer.enforce('admin', 'accounts', 'read'));
    await pool.end();
  `;
  await writeFile(join(folder, 'app.js'), script);
  const { stdout } = await run(process.execPath, ['app.js'], { cwd: folder });
  expect(stdout).toBe('true 56 true\n');
});

test('the command runs in an empty project', async () => {
  const { DATABASE_URL: _, ...env } = process.env;
  const { stdout } = await run('npx', ['--no-install', 'casbin-bootstrap', 'seed'], { cwd: folder, env });
  expect(stdout).toContain('56 decisions verified: 26 allow, 30 deny');
  const again = await run('npx', ['--no-install', 'casbin-bootstrap', 'seed'], { cwd: folder, env });
  expect(again.stdout).toContain('Nothing to do');
});
