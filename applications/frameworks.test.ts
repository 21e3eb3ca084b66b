import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { createDatabase, type TestDatabase } from '../test/support/database.ts';
import type { Application, Start } from './frameworks/application.ts';
import { bootstrapDatabase, changePolicy } from './library.ts';

/** Not by name: the compiler of the project does not know the decorators that Nest has. */
const load = (name: string) => import(new URL(`frameworks/${name}.ts`, import.meta.url).href);

const { OPTIONS, TENANT_OPTIONS } = await load('policy');

/** Each framework, and how the same application is started in it. */
const FRAMEWORKS: readonly (readonly [string, (start: Start) => Promise<Application>])[] = [
  ['Express 4', (start) => startExpress('express-4', start)],
  ['Express 5', (start) => startExpress('express', start)],
  ['Fastify', async (start) => (await load('fastify-application')).startFastify(start)],
  ['Nest on Express', (start) => startNest('Express', start)],
  ['Nest on Fastify', (start) => startNest('Fastify', start)],
];

async function startExpress(name: string, start: Start): Promise<Application> {
  const [{ default: express }, application] = await Promise.all([import(name), load('express-application')]);
  return application.startExpress(express, start);
}

async function startNest(platform: string, start: Start): Promise<Application> {
  const { [`${platform}Adapter`]: Adapter } = await import(`@nestjs/platform-${platform.toLowerCase()}`);
  return (await load('nest-application')).startNest(new Adapter(), start);
}

/** Sends a request as a user, or as nobody, and gives what comes back. */
async function send({ url }: Application, route: string, user?: string) {
  const [method = '', path = ''] = route.split(' ');
  const response = await fetch(url + path, { method, headers: user === undefined ? {} : { 'x-user': user } });
  const { status, headers } = response;
  const type = headers.get('content-type')?.split(';')[0];
  return { status, type, challenge: headers.get('www-authenticate'), body: await response.text() };
}

const served = (body: object) => expect.objectContaining({ status: 200, body: JSON.stringify(body) });

/** A problem document, and nothing but that. */
function problem(status: number, title: string, challenge: string | null = null) {
  const body = JSON.stringify({ type: 'about:blank', title, status });
  return { status, type: 'application/problem+json', challenge, body };
}

const FORBIDDEN = problem(403, 'Forbidden');
const UNAUTHORIZED = problem(401, 'Unauthorized', 'Bearer');
const UNAVAILABLE = problem(503, 'Service Unavailable');

const BY_TEST = { actor: 'the test', reason: 'to see it' };

describe.for(FRAMEWORKS)('on %s', ([, start]) => {
  let database: TestDatabase;

  /** The application on a database whose users have roles; it is closed when the test ends. */
  async function open(options: Omit<Start, 'pool'> = {}): Promise<Application> {
    const application = await start({ pool: database.pool(), ...options });
    onTestFinished(() => application.close());
    return application;
  }

  beforeEach(async () => {
    database = await createDatabase();
    await bootstrapDatabase(database.pool(), OPTIONS);
    const assign = [
      ['user:rita', 'reader'],
      ['user:walt', 'writer'],
      ['user:kate', 'keeper'],
    ] as const;
    await changePolicy(await clientOf(database), { assign }, BY_TEST);
  });

  test('who has the permission of a route is let in, and nobody else', async () => {
    const application = await open();
    expect(await send(application, 'GET /accounts', 'rita')).toEqual(served({ route: 'list' }));
    expect(await send(application, 'POST /accounts', 'walt')).toEqual(served({ route: 'add' }));
    expect(await send(application, 'POST /accounts', 'rita')).toEqual(FORBIDDEN);
    expect(await send(application, 'GET /accounts', 'eve')).toEqual(FORBIDDEN);
    expect(application.errors).toEqual([]);
  });

  test('who has no name gets a 401 with the challenge, on every route that requires something', async () => {
    const application = await open();
    expect(await send(application, 'GET /accounts')).toEqual(UNAUTHORIZED);
    expect(await send(application, 'DELETE /accounts/7')).toEqual(UNAUTHORIZED);
  });

  test('a route that requires nothing is left alone', async () => {
    expect(await send(await open(), 'GET /open')).toEqual(served({ route: 'open' }));
  });

  test('where a route requires two permissions, both are needed', async () => {
    const application = await open();
    await changePolicy(await clientOf(database), { grant: [['user:dora', 'accounts', 'delete']] }, BY_TEST);
    await application.live.caughtUp();
    expect(await send(application, 'DELETE /accounts/7', 'kate')).toEqual(
      served({ route: 'delete', id: '7' }),
    );
    expect(await send(application, 'DELETE /accounts/7', 'dora')).toEqual(FORBIDDEN);
    expect(await send(application, 'DELETE /accounts/7', 'rita')).toEqual(FORBIDDEN);
  });

  test('what was granted or revoked since counts', async () => {
    const application = await open();
    const client = await clientOf(database);
    await changePolicy(client, { assign: [['user:eve', 'reader']] }, BY_TEST);
    await application.live.caughtUp();
    expect(await send(application, 'GET /accounts', 'eve')).toEqual(served({ route: 'list' }));
    await changePolicy(client, { unassign: [['user:eve', 'reader']] }, BY_TEST);
    await application.live.caughtUp();
    expect(await send(application, 'GET /accounts', 'eve')).toEqual(FORBIDDEN);
  });

  test('an enforcer that may be out of date lets nobody in, until it has caught up', async () => {
    const application = await open({ maxStalenessMs: 1000 });
    const admin = await clientOf(await createDatabase());
    await admin.query(`alter database ${database.name} allow_connections false`);
    await admin.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [
      database.name,
    ]);
    await vi.waitUntil(() => application.live.state.status === 'stale', { timeout: 10_000 });
    expect(await send(application, 'GET /accounts', 'rita')).toEqual(UNAVAILABLE);
    expect(application.errors.join()).toContain('the live enforcer is stale');
    await admin.query(`alter database ${database.name} allow_connections true`);
    await vi.waitUntil(() => application.live.state.status === 'current', { timeout: 20_000 });
    expect(await send(application, 'GET /accounts', 'rita')).toEqual(served({ route: 'list' }));
  });

  test('an enforcer that is closed lets nobody in', async () => {
    const application = await open();
    await application.live.close();
    expect(await send(application, 'GET /accounts', 'rita')).toEqual(UNAVAILABLE);
    expect(application.errors.join()).toContain('the live enforcer is closed');
  });

  test('a subject that is no text lets nobody in', async () => {
    const application = await open();
    expect(await send(application, 'GET /accounts', 'numbered')).toEqual(UNAVAILABLE);
    expect(application.errors.join()).toContain('must be strings');
  });

  test('an error of the function that finds the subject is the framework’s to answer', async () => {
    const application = await open();
    expect(await send(application, 'GET /accounts', 'unreadable')).toMatchObject({ status: 500 });
  });

  test('with domains, a permission holds in the domain of the request only', async () => {
    const tenants = await createDatabase();
    await bootstrapDatabase(tenants.pool(), TENANT_OPTIONS);
    const assign = [['user:rita', 'clerk', 'acme']] as const;
    const { model } = TENANT_OPTIONS;
    await changePolicy(await clientOf(tenants), { assign }, { ...BY_TEST, model });
    const application = await start({ pool: tenants.pool(), withTenants: true });
    onTestFinished(() => application.close());
    expect(await send(application, 'GET /tenants/acme/invoices', 'rita')).toEqual(served({ tenant: 'acme' }));
    expect(await send(application, 'GET /tenants/globex/invoices', 'rita')).toEqual(FORBIDDEN);
    expect(await send(application, 'GET /invoices', 'rita'), 'no domain').toEqual(FORBIDDEN);
  });
});

async function clientOf(database: TestDatabase) {
  const client = await database.pool().connect();
  client.on('error', () => {});
  onTestFinished(() => client.release(true));
  return client;
}

test('the applications compile with the types of their frameworks', async () => {
  const compiled = promisify(execFile)('node_modules/.bin/tsc', ['-p', 'applications/frameworks']);
  await expect(compiled.catch(({ stdout }) => ({ stdout }))).resolves.toMatchObject({ stdout: '' });
});

test('an application of CommonJS can use them as well', async () => {
  const script = `
    require('reflect-metadata');
    const { createRequires } = require('casbin-bootstrap/express');
    const { permissions } = require('casbin-bootstrap/fastify');
    const { CasbinBootstrapModule, Requires } = require('casbin-bootstrap/nestjs');
    class Accounts {}
    Requires('accounts', 'read')(Accounts);
    console.log(typeof createRequires, permissions[Symbol.for('plugin-meta')].name);
    console.log(CasbinBootstrapModule.forRoot({}).module === CasbinBootstrapModule, Reflect.getMetadataKeys(Accounts).length);
  `;
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', script], {
    cwd: 'applications/frameworks',
  });
  expect(stdout).toBe('function casbin-bootstrap\ntrue 1\n');
});
