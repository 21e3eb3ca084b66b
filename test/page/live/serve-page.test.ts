import { once } from 'node:events';
import { copyFile, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type RequestOptions, request } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type pg from 'pg';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import {
  bootstrapDatabase,
  defaultModelPath,
  type PageServer,
  type ServePageOptions,
  servePage,
} from '../../../src/index.ts';
import { createDatabase } from '../../support/database.ts';
import { createFolder } from '../../support/folder.ts';
import { INVOICES } from '../page.fixture.ts';

const OPTIONS = { policy: INVOICES, seeders: [] };
const NEW_RULE = `insert into casbin (ptype, rule) values ('p', '["viewer", "ledger", "read"]')`;

describe('a page that is served', () => {
  test('is made anew when a rule has changed, and by nothing else', async () => {
    const { pool, served, server } = await openServer();
    const first = await get(server);
    expect(first).toMatchObject({ status: 200, type: 'text/html; charset=utf-8' });
    expect(first.body).toContain('The database decides as defined');
    expect(first.body).not.toContain('ledger');
    let looks = 0;
    served.on('acquire', () => {
      looks++;
    });
    expect((await get(server)).body).toBe(first.body);
    // It looked, and did not read the policy again.
    expect(looks).toBe(1);

    await pool.query(NEW_RULE);
    expect((await get(server)).body).toContain('p, viewer, ledger, read');
    await pool.query(`delete from casbin where rule ->> 1 = 'ledger'`);
    expect(versionIn((await get(server)).body)).toBe(versionIn(first.body));
    await pool.query(
      `update casbin set rule = '["viewer", "journal", "read"]' where ptype = 'p' and rule ->> 0 = 'viewer'`,
    );
    expect((await get(server)).body).toContain('p, viewer, journal, read');
  });

  test('is created again when only the version of the policy has changed, also for a role that may not read it', async () => {
    const policy = { ...INVOICES, version: 1 };
    const { database, pool, server } = await openServer({ policy });
    expect((await get(server)).body).not.toContain('the database was bootstrapped with it');
    await bootstrapDatabase(pool, { ...OPTIONS, policy });
    expect((await get(server)).body).toContain(
      'Version 1 of the definition; the database was bootstrapped with it',
    );

    const role = await database.createRole();
    await pool.query(`grant select on casbin to ${role.name}`);
    const other = await serve(database.pool({ connectionString: role.url }), OPTIONS);
    expect(await get(other)).toMatchObject({ status: 200 });
  });

  test('of a definition is created again when its files have changed, and the problems of these are shown', async () => {
    const folder = await createFolder();
    const [policy, model] = [join(folder, 'policy.yaml'), join(folder, 'model.conf')];
    await copyFile(defaultModelPath, model);
    await writeFile(policy, 'roles:\n  viewer:\n    permissions: { invoices: [read] }\n');
    const server = await serve(null, { policy, model });
    await writeFile(policy, 'roles:\n  viewer:\n    permissions: { ledger: [read] }\n');
    expect((await get(server)).body).toContain('ledger');
    await writeFile(policy, 'roles:\n  viewer:\n    inherits: [nobody]\n');
    expect(await get(server)).toMatchObject({
      status: 503,
      type: 'text/plain; charset=utf-8',
      body: expect.stringMatching(/^The page can't be made: .*"nobody"/s),
    });
    await writeFile(policy, 'roles:\n  viewer:\n    permissions: { ledger: [read] }\n');
    expect(await get(server)).toMatchObject({ status: 200 });
    await writeFile(model, 'none');
    expect(await get(server)).toMatchObject({ status: 503, body: expect.stringContaining('model.conf') });
  });

  test('tells a browser whether its page is up to date', async () => {
    const { pool, served, server } = await openServer({ pollIntervalMs: 20 });
    const { body } = await get(server);
    const stale = await watch(server, 'of another time');
    expect(await stale.next()).toBe('data: changed\n\n');
    const current = await watch(server, versionIn(body));
    expect(await current.next()).toBe('data: current\n\n');
    // What a browser knows already is not told again.
    for (let looks = 0; looks < 3; looks++) await once(served, 'release');
    await pool.query(NEW_RULE);
    expect(await current.next()).toBe('data: changed\n\n');
    await pool.query('alter table casbin rename to elsewhere');
    expect(await current.next()).toBe('data: unknown\n\n');
    await pool.query('alter table elsewhere rename to casbin');
    expect(await current.next()).toBe('data: changed\n\n');
  });

  test('tells a browser that the model has changed, also to one that can not be read', async () => {
    const model = join(await createFolder(), 'model.conf');
    await copyFile(defaultModelPath, model);
    const { server } = await openServer({ pollIntervalMs: 20, model });
    const browser = await watch(server, versionIn((await get(server)).body));
    expect(await browser.next()).toBe('data: current\n\n');
    await writeFile(model, 'none');
    expect(await browser.next()).toBe('data: changed\n\n');
  });

  test('is refused for another host name, and for methods that do not read', async () => {
    const { server } = await openServer();
    const { port } = new URL(server.url);
    expect(await get(server, { headers: { host: `localhost:${port}` } })).toMatchObject({ status: 200 });
    for (const host of ['evil.example', `evil.example:${port}`, 'localhost', '127.0.0.1:1']) {
      const refused = await get(server, { headers: { host } });
      expect(refused.status).toBe(421);
      expect(refused.body).toBe(`This is served as ${server.url} only.\n`);
    }
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']) {
      const body = 'This page can only be read.\n';
      expect(await get(server, { method })).toMatchObject({
        status: 405,
        body,
        headers: { allow: 'GET, HEAD' },
      });
    }
    for (const path of ['/etc/passwd', '//', '/changes/..', '/index.html']) {
      const body = 'There is one page only, at /.\n';
      expect(await get(server, { path })).toMatchObject({ status: 404, body });
    }
    expect(await get(server, { method: 'HEAD' })).toMatchObject({ status: 200, body: '' });
    expect(await get(server, { method: 'HEAD', path: '/changes' })).toMatchObject({ status: 200, body: '' });
  });

  test('is also shown at the port 80, which browsers leave out of the host', async ({ skip }) => {
    const probe = createServer().listen(80, '127.0.0.1');
    const isFree = await once(probe, 'listening').then(
      () => true,
      () => false,
    );
    skip(!isFree, 'port 80 can not be listened on');
    await new Promise((resolve) => probe.close(resolve));
    const server = await serve(null, { ...OPTIONS, port: 80 });
    const askFor = async (host: string) =>
      (await ask(new URL('http://127.0.0.1:80'), { headers: { host } })).statusCode;
    expect(await askFor('127.0.0.1')).toBe(200);
    expect(await askFor('localhost')).toBe(200);
    expect(await askFor('evil.example')).toBe(421);
    expect(server.url).toBe('http://127.0.0.1:80/');
  });

  test("can't be cached or framed, and allows only its own scripts", async () => {
    const { server } = await openServer();
    const { headers, body } = await get(server);
    expect(headers).toMatchObject({
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cross-origin-resource-policy': 'same-origin',
    });
    const [, inPage] = /Content-Security-Policy" content="([^"]*)"/.exec(body) ?? [];
    expect(headers['content-security-policy']).toBe(
      `${inPage?.replaceAll('&#39;', "'")}; frame-ancestors 'none'`,
    );
    expect(headers['content-security-policy']).toMatch(
      /^default-src 'none'; script-src 'sha256-[^']+' 'sha256-[^']+'; connect-src 'self'; style-src 'sha256-/,
    );
    expect(headers).not.toHaveProperty('access-control-allow-origin');
    expect((await get(server, { path: '/nothing' })).headers['content-security-policy']).toContain(
      "default-src 'none'",
    );
  });

  test('is only at 127.0.0.1, and closing it also ends the connections of its browsers', async () => {
    const { server } = await openServer();
    expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/);
    const port = Number(new URL(server.url).port);
    const others = Object.values(networkInterfaces()).flatMap((one) => one ?? []);
    for (const host of ['::1', ...others.filter(({ internal }) => !internal).map(({ address }) => address)]) {
      await expect(once(connect({ host, port }), 'connect'), host).rejects.toThrow();
    }
    const watching = await watch(server, '');
    await watching.next();
    await server.close();
    await expect(watching.ended).resolves.toBeUndefined();
    await expect(get(server)).rejects.toThrow('ECONNREFUSED');
  });

  test('looks for changes once for all browsers, and only while one shows the page', async () => {
    const server = await serve(null, OPTIONS);
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    const browsers = [await watch(server, ''), await watch(server, '')];
    for (const browser of browsers) expect(await browser.next()).toBe('data: changed\n\n');
    expect(vi.getTimerCount()).toBe(1);
    await vi.runOnlyPendingTimersAsync();
    expect(vi.getTimerCount()).toBe(1);
    for (const browser of browsers) browser.leave();
    // The server needs a moment to notice.
    for (let tries = 0; tries < 1_000 && vi.getTimerCount() > 0; tries++) {
      await get(server);
      await vi.runOnlyPendingTimersAsync();
    }
    expect(vi.getTimerCount()).toBe(0);
  });

  test('looks once for all browsers that begin to wait while it looks', async () => {
    const { server, served } = await openServer({ pollIntervalMs: 600_000 });
    const holder = await served.connect();
    let looks = 0;
    served.on('acquire', () => {
      looks++;
    });
    const first = watch(server, '');
    await vi.waitUntil(() => served.waitingCount === 1, { timeout: 60_000, interval: 20 });
    const second = watch(server, '');
    // The server has seen the second browser when it has answered some later requests.
    for (let tries = 0; tries < 10; tries++) await get(server, { path: '/nothing' });
    holder.release();
    for (const browser of await Promise.all([first, second]))
      expect(await browser.next()).toBe('data: changed\n\n');
    await get(server);
    expect(looks, 'of the browsers, and of the page').toBe(2);
  });

  test('waits ten times as long as the look before has taken, and at least for pollIntervalMs', async () => {
    const { pool, served, server } = await openServer({ pollIntervalMs: 5_000 });
    const { body } = await get(server);
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    onTestFinished(() => void vi.useRealTimers());
    const browser = await watch(server, versionIn(body));
    await browser.next();
    const first = await served.connect();
    const waiting = vi.getTimerCount();
    vi.advanceTimersByTime(4_999);
    expect(vi.getTimerCount()).toBe(waiting);
    vi.advanceTimersByTime(1);
    expect(vi.getTimerCount()).toBe(waiting - 1);

    // It looks, for a second.
    vi.advanceTimersByTime(1_000);
    await pool.query(NEW_RULE);
    first.release();
    expect(await browser.next()).toBe('data: changed\n\n');
    const second = await served.connect();
    onTestFinished(() => second.release());
    const waitingAgain = vi.getTimerCount();
    vi.advanceTimersByTime(9_999);
    expect(vi.getTimerCount()).toBe(waitingAgain);
    vi.advanceTimersByTime(1);
    expect(vi.getTimerCount()).toBeLessThan(waitingAgain);
  });

  test('takes one connection at a time, however many browsers ask', async () => {
    const { server, served } = await openServer({}, 3);
    let clients = 0;
    let most = 0;
    served.on('acquire', () => {
      most = Math.max(most, ++clients);
    });
    served.on('release', () => clients--);
    await Promise.all([get(server), get(server), get(server)]);
    expect(most).toBe(1);
  });

  test('leaves the pool alone once it is closed, also if it was asked for a page before', async () => {
    const { server, served } = await openServer();
    const events: string[] = [];
    const holder = await served.connect();
    const asked = get(server).catch(() => events.push('hung up'));
    await vi.waitUntil(() => served.waitingCount === 1, { timeout: 60_000, interval: 20 });
    const closed = server.close().then(() => events.push('closed'));
    await asked;
    served.on('release', () => events.push('released'));
    holder.release();
    await closed;
    expect(events).toEqual(['hung up', 'released', 'released', 'closed']);
  });

  test('is refused for a port that is in use, for unknown options, and for what createPage refuses', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void other.close());
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const refusal = (at: string) => ({ code: 'INVALID_OPTIONS', problems: [{ at }] });
    await expect(servePage(null, { ...OPTIONS, port })).rejects.toMatchObject(refusal('port'));
    for (const wrong of [{ port: 1.5 }, { port: -1 }, { port: 65_536 }, { pollIntervalMs: -1 }]) {
      await expect(servePage(null, { ...OPTIONS, ...wrong })).rejects.toMatchObject({
        problems: [
          { at: Object.keys(wrong)[0], message: expect.stringMatching(/^must (not )?be |^must not exceed /) },
        ],
      });
    }
    await expect(servePage(null, { prot: 1 } as object)).rejects.toMatchObject(refusal('prot'));
    await expect(servePage({} as never, OPTIONS)).rejects.toMatchObject({ code: 'INVALID_OPTIONS' });
    await expect(servePage(null, { policy: 'none.yaml' })).rejects.toMatchObject(refusal('none.yaml'));
    const database = await createDatabase();
    await expect(servePage(database.pool(), OPTIONS)).rejects.toMatchObject({ code: 'TABLE_MISSING' });
  });
});

async function openServer(options: ServePageOptions = {}, max = 1) {
  const database = await createDatabase();
  await bootstrapDatabase(database.pool(), OPTIONS);
  // A single connection serves pages and looks.
  const served = database.pool({ max });
  const server = await serve(served, { ...OPTIONS, ...options });
  return { database, pool: database.pool(), served, server };
}

async function serve(pool: pg.Pool | null, options: ServePageOptions): Promise<PageServer> {
  const server = await servePage(pool, options);
  onTestFinished(() => server.close().catch(() => {}));
  return server;
}

function versionIn(body: string): string {
  return /data-version="([^"]*)"/.exec(body)?.[1] ?? '';
}

async function get({ url }: PageServer, { path = '/', ...options }: RequestOptions = {}) {
  const response = await ask(new URL(url), { path, ...options });
  const { statusCode: status, headers } = response;
  return { status, headers, type: headers['content-type'], body: await text(response) };
}

async function ask({ hostname, port }: URL, options: RequestOptions): Promise<IncomingMessage> {
  const sent = request({ hostname, port, agent: false, ...options }).end();
  const [response] = await once(sent, 'response');
  return response;
}

/** What a browser is told, one event after the other. */
async function watch({ url }: PageServer, version: string) {
  const path = `/changes?version=${encodeURIComponent(version)}`;
  const response = await ask(new URL(url), { path });
  const chunks = response.setEncoding('utf8')[Symbol.asyncIterator]();
  return {
    next: async () => (await chunks.next()).value,
    leave: () => void response.destroy(),
    ended: new Promise<void>((resolve) => response.once('close', () => resolve())),
  };
}
