import { EventEmitter } from 'node:events';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import type { ClientLike } from '../../src/database/client.ts';
import { ConnectFailure, isConnectionLoss, withSession } from '../../src/database/session.ts';
import { createDatabase } from '../support/database.ts';

describe('a session', () => {
  test('gives its client back, to be used again', async () => {
    const pool = (await createDatabase()).pool({ max: 1 });
    const backend = () => withSession(pool, ({ client }) => backendOf(client));

    const first = await backend();

    expect(await backend()).toBe(first);
    expect(pool.totalCount).toBe(1);
  });

  test('gives its client back after a failure that is not about the connection', async () => {
    const pool = (await createDatabase()).pool({ max: 1 });
    const first = await withSession(pool, ({ client }) => backendOf(client));

    await expect(withSession(pool, ({ client }) => client.query('select 1 / 0'))).rejects.toMatchObject({
      code: '22012',
    });

    expect(await withSession(pool, ({ client }) => backendOf(client))).toBe(first);
  });

  test('has its client destroyed when it was marked as broken, and keeps the first reason', async () => {
    const pool = (await createDatabase()).pool({ max: 1 });

    const reason = await withSession(pool, async (session) => {
      session.markBroken('stuck');
      session.markBroken(new Error('later'));
      return session.broken;
    });

    expect(reason).toEqual(new Error('stuck'));
    expect(pool.totalCount).toBe(0);
  });

  test('has its client destroyed when the connection was lost', async () => {
    const pool = (await createDatabase()).pool({ max: 1 });

    await expect(
      withSession(pool, ({ client }) => client.query('select pg_terminate_backend(pg_backend_pid())')),
    ).rejects.toMatchObject({ code: '57P01' });

    expect(pool.totalCount).toBe(0);
  });

  test('survives that its backend is killed between two statements, and knows of it', async () => {
    const database = await createDatabase();
    const pool = database.pool({ max: 1 });
    const ended = new Promise((resolve) => {
      pool.once('connect', (client) => client.once('error', resolve));
    });

    const broken = await withSession(pool, async (session) => {
      const pid = await backendOf(session.client);
      await database.pool().query('select pg_terminate_backend($1)', [pid]);
      await ended;
      return session.broken;
    });

    expect(broken).toMatchObject({ code: '57P01' });
    expect(pool.totalCount).toBe(0);
  });

  test("keeps the server's reason of a lost connection whose error was ignored", async () => {
    const pool = (await createDatabase()).pool({ max: 1 });

    const broken = await withSession(pool, async (session) => {
      await session.client.query('select pg_terminate_backend(pg_backend_pid())').catch(() => {});
      return session.broken;
    });

    expect(broken).toMatchObject({ code: '57P01' });
  });

  test('leaves no listener on a client that goes back', async () => {
    const client = Object.assign(new EventEmitter(), { query: async () => ({ rows: [] }), release() {} });
    const listening = await withSession({ connect: async () => client as unknown as ClientLike }, async () =>
      client.listenerCount('error'),
    );

    expect(listening).toBe(1);
    expect(client.listenerCount('error')).toBe(0);
  });

  test('needs nothing of a client but query', async () => {
    const client: ClientLike = {
      query: async () => ({ rows: [{ one: 1 }], rowCount: 1, command: 'SELECT' }),
    };

    await expect(
      withSession({ connect: async () => client }, (session) => session.client.query('select 1 as one')),
    ).resolves.toMatchObject({ rows: [{ one: 1 }] });
  });
});

describe('a pool that gives no client', () => {
  test.each<[string, () => unknown, RegExp]>([
    ['rejects', () => Promise.reject(new Error('full')), /full/],
    [
      'throws before there is a promise',
      () => {
        throw new Error('Invalid URL');
      },
      /Invalid URL/,
    ],
    ['gives nothing', async () => undefined, /did not give a client that can query/],
    [
      'gives something else',
      async () => ({ query: 'select' }),
      /the pool's connect\(\) did not give a client that can query/,
    ],
  ])('is not confused with later failures: it %s', async (_, connect, reason) => {
    const pool = Object.assign(Object.create(null), { connect });
    const error: unknown = await withSession(pool, async () => 'done').catch((thrown: unknown) => thrown);

    expect(error).toBeInstanceOf(ConnectFailure);
    expect(error).toMatchObject({
      message: 'No connection',
      cause: { message: expect.stringMatching(reason) },
    });
  });
});

test.each([
  ['ECONNRESET', true],
  ['EPIPE', true],
  ['ETIMEDOUT', true],
  ['57P01', true],
  ['57P02', true],
  ['57P03', true],
  ['25P03', true],
  ['25P04', true],
  ['08006', true],
  ['08P01', true],
  ['0800', false],
  ['080061', false],
  ['108006', false],
  ['57014', false],
  ['ENOENT', false],
])('the code %s says that the connection is gone: %s', (code, lost) => {
  expect(isConnectionLoss(Object.assign(new Error('failed'), { code }))).toBe(lost);
  expect(isConnectionLoss(new Error('wrapped', { cause: Object.assign(new Error(), { code }) }))).toBe(lost);
});

test('an error of another context says by its message that the connection is gone', () => {
  const error = runInNewContext(`new Error('Connection terminated unexpectedly')`);
  expect(error).not.toBeInstanceOf(Error);
  expect(isConnectionLoss(error)).toBe(true);
});

test('an error without a code does not say that the connection is gone', () => {
  expect(isConnectionLoss(new Error('08006'))).toBe(false);
  expect(isConnectionLoss(undefined)).toBe(false);
});

async function backendOf(client: ClientLike): Promise<number> {
  const { rows } = await client.query('select pg_backend_pid() as pid');
  return rows[0].pid;
}
