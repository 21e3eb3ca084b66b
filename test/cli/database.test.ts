import { once } from 'node:events';
import { type AddressInfo, createServer, Socket } from 'node:net';
import type pg from 'pg';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { openEmbedded, openServer } from '../../src/cli/database.ts';
import { createDatabase } from '../support/database.ts';

describe('the database that a URL names', () => {
  test.each([
    ['postgres://app:s3cret@db.example:6432/shop', 'PostgreSQL at db.example:6432/shop, as app'],
    ['postgresql://app:s3cret@db.example', 'PostgreSQL at db.example:5432/app, as app'],
    [
      'postgres:///shop?host=/var/run/postgresql&user=app',
      'PostgreSQL at /var/run/postgresql:5432/shop, as app',
    ],
    ['postgres://app:s%40cret@[::1]:5433/a%20b?sslmode=disable', 'PostgreSQL at ::1:5433/a b, as app'],
    ['postgres:///sh@p?host=db.example&user=app', 'PostgreSQL at db.example:5432/sh@p, as app'],
    ['postgres://app@db.example/shop\n', 'PostgreSQL at db.example:5432/shop, as app'],
    ['postgres://db.example/shop?user=app@tenant', 'PostgreSQL at db.example:5432/shop, as app@tenant'],
  ])('is told without the password: %s', async (url, where) => {
    const database = openServer(url);
    onTestFinished(() => database.close());

    expect(database.where).toBe(where);
  });

  test('is completed by the environment as pg does it', async () => {
    vi.stubEnv('PGUSER', 'somebody');
    vi.stubEnv('PGPORT', '7777');
    onTestFinished(() => {
      vi.unstubAllEnvs();
    });
    const database = openServer('postgres://db.example/shop');
    onTestFinished(() => database.close());

    expect(database.where).toBe('PostgreSQL at db.example:7777/shop, as somebody');
  });

  test('is refused as empty, as a variable is whose secret is missing', () => {
    expect(thrownBy(() => openServer(''))).toMatchObject({
      problems: [
        {
          at: 'DATABASE_URL',
          message: expect.stringMatching(/^It is empty\. Write postgres:\/\/.* --embedded\.$/),
        },
      ],
    });
  });

  test.each([
    'hunter2',
    'mysql://app:hunter2@h/d',
    'jdbc:postgres://app:hunter2@h/d',
    'postgres://app:hunter2/x@h/d',
    // A server app with the port 12, if the rest of the password were taken for something else.
    'postgres://app:12#hunter2@h/d',
    'postgres://app:12/hunter2@h/d',
    'postgres://app:12?x=hunter2@h/d',
    'postgres://app:12/x?hunter2@h/d',
    'postgres://app:hunter2%80@h/d',
    'postgres://app:hunter2@h:port/d',
    'host=h password=hunter2',
  ])('is refused without being shown if it is not a URL: %s', (url) => {
    const error = thrownBy(() => openServer(url));

    expect(error).toMatchObject({
      code: 'INVALID_OPTIONS',
      problems: [{ at: 'DATABASE_URL', message: expect.stringContaining('not the URL of a PostgreSQL') }],
    });
    expect(error).not.toHaveProperty('cause');
    expect(JSON.stringify(error) + error).not.toContain('hunter2');
  });

  test('is refused with the reason when pg can not use it', () => {
    expect(thrownBy(() => openServer('postgres://h/d?sslrootcert=/nowhere/ca.pem'))).toMatchObject({
      problems: [{ at: 'DATABASE_URL', message: expect.stringContaining('/nowhere/ca.pem') }],
    });
  });
});

test('the embedded database is named by its absolute folder, and costs nothing until it is used', async () => {
  const database = openEmbedded('some/folder');
  expect(database.where).toBe(`embedded PostgreSQL in ${process.cwd()}/some/folder`);
  await database.close();
});

function thrownBy(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error('Nothing was thrown');
}

test('both connections of a server have a name, and TCP checks that they are there', async () => {
  const checked = vi.spyOn(Socket.prototype, 'setKeepAlive');
  const database = openServer((await createDatabase()).url);
  onTestFinished(() => database.close());
  const clients = await Promise.all([database.pool.connect(), database.pool.connect()]);
  const { rows } = await clients[0].query('show application_name');
  for (const client of clients) client.release?.();
  expect(rows).toEqual([{ application_name: 'casbin-bootstrap' }]);
  expect(checked.mock.calls).toEqual([
    [true, 10_000],
    [true, 10_000],
  ]);
  checked.mockRestore();
});

test('a server that says nothing is not waited for without end', async () => {
  const server = createServer(() => {}).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const database = openServer(`postgres://app@127.0.0.1:${port}/d`);
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  const refused = expect(database.pool.connect()).rejects.toThrow(/timeout/);
  await vi.advanceTimersByTimeAsync(10_000);
  await refused;
  await database.close();
});

test('an idle connection that the server ends is replaced', async () => {
  const server = await createDatabase();
  const database = openServer(server.url);
  onTestFinished(() => database.close());
  const pool = database.pool as pg.Pool;
  const first = await pool.connect();
  const { rows } = await first.query('select pg_backend_pid() as pid');
  first.release();
  const removed = new Promise((resolve) => pool.once('remove', resolve));
  await server.pool().query('select pg_terminate_backend($1)', [rows[0].pid]);
  await removed;

  await expect(pool.query('select 1')).resolves.toMatchObject({ rowCount: 1 });
});
