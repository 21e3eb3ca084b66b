import { execFile } from 'node:child_process';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'rolldown';
import { expect, test } from 'vitest';
import { createDatabase } from '../support/database.ts';
import { createFolder } from '../support/folder.ts';

const run = promisify(execFile);

/** What an application has around the routes of docs/frameworks.md, with what they use of Express. */
const APPLICATION = `
import type { IncomingMessage, ServerResponse } from 'node:http';
import { changePolicy, createLiveEnforcer, definePolicy, type ClientLike } from 'casbin-bootstrap';
import { createRequires } from 'casbin-bootstrap/express';

interface Request extends IncomingMessage {
  params: Record<string, string>;
  body: any;
  user?: { name: string };
}
interface Response extends ServerResponse {
  sendStatus(status: number): this;
}
type Handler = (request: Request, response: Response, next: (error?: unknown) => void) => unknown;
type AddRoute = (path: string, ...handlers: Handler[]) => void;
declare const express: { json(): Handler };
declare const app: { put: AddRoute; delete: AddRoute };
declare const pool: { connect(): Promise<ClientLike & { release(): void }> };
declare function findPost(id: string | undefined): Promise<{ id: number; owner: string } | undefined>;
declare function deletePost(id: number): Promise<void>;

const policy = definePolicy({
  roles: {
    reader: { permissions: { posts: ['read'] } },
    author: { permissions: { posts: ['write', 'moderate'], users: ['write'] } },
  },
});
const options = { policy, seeders: [] };
const live = await createLiveEnforcer(pool, options);
const requires = createRequires({ enforcer: live, policy, subject: (request: Request) => request.user?.name });
`;

test('the routes of docs/frameworks.md that ask and change by themselves compile in a TypeScript project', async () => {
  const page = await readFile('docs/frameworks.md', 'utf8');
  const [, routes = ''] = page.split('## Resources that have an owner');
  const code = Array.from(routes.matchAll(/^```ts\n(.*?)^```$/gms), ([, block = '']) => block);
  expect(code).toHaveLength(2);

  const folder = await createFolder();
  await writeFile(join(folder, 'application.mts'), [APPLICATION, ...code].join('\n'));
  const configuration = {
    extends: resolve('tsconfig.json'),
    compilerOptions: {
      typeRoots: [resolve('node_modules/@types')],
      paths: {
        'casbin-bootstrap': [resolve('dist/types/index.d.ts')],
        'casbin-bootstrap/express': [resolve('dist/types/express/index.d.ts')],
      },
    },
    include: ['application.mts'],
    exclude: [],
  };
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(configuration));

  const compiled = run('node_modules/.bin/tsc', ['-p', folder]);
  await expect(compiled.catch(({ stdout }) => ({ stdout }))).resolves.toMatchObject({ stdout: '' });
});

test('the modules of docs/frameworks.md for Next bootstrap at the start, and decide, in whatever chunk they are', async () => {
  const page = await readFile('docs/frameworks.md', 'utf8');
  const modules = Array.from(
    page.matchAll(/^```ts\n\/\/ (\w+\.ts)\n(.*?)^```$/gms),
    ([, name = '', code = '']) => ({
      name,
      code,
    }),
  );
  expect(modules.map(({ name }) => name)).toEqual(['instrumentation.ts', 'authorization.ts']);
  const folder = await createFolder();
  for (const { name, code } of modules) await writeFile(join(folder, name), code);
  await mkdir(join(folder, 'node_modules'));
  await symlink(resolve('.'), join(folder, 'node_modules/casbin-bootstrap'), 'junction');
  await symlink(resolve('node_modules/pg'), join(folder, 'node_modules/pg'), 'junction');
  for (const name of ['instrumentation', 'authorization']) {
    await build({
      input: join(folder, `${name}.ts`),
      external: ['casbin-bootstrap', 'pg'],
      platform: 'node',
      output: { file: join(folder, `${name}.mjs`), codeSplitting: false },
      logLevel: 'silent',
    });
  }
  await writeFile(
    join(folder, 'server.mjs'),
    `import { register } from './instrumentation.mjs';
     import { isAllowed } from './authorization.mjs';
     const early = await isAllowed('admin', 'accounts', 'write').catch((error) => error.message);
     await register();
     const asked = ['admin', 'readonly'].map((role) => isAllowed(role, 'accounts', 'write'));
     console.log(JSON.stringify([early, ...(await Promise.all(asked))]));
     process.exit();`,
  );

  const { url } = await createDatabase();
  const env = { ...process.env, DATABASE_URL: url, NEXT_RUNTIME: 'nodejs' };
  const { stdout } = await run(process.execPath, ['server.mjs'], { cwd: folder, env });

  expect(JSON.parse(stdout.trim().split('\n').at(-1) ?? '')).toEqual([
    'startAuthorization() was not called.',
    true,
    false,
  ]);
});
