import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { createFolder } from '../support/folder.ts';

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

  const compiled = promisify(execFile)('node_modules/.bin/tsc', ['-p', folder]);
  await expect(compiled.catch(({ stdout }) => ({ stdout }))).resolves.toMatchObject({ stdout: '' });
});
