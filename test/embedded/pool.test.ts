import type { Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, expectTypeOf, test } from 'vitest';
import { createEmbeddedPool, type EmbeddedClient, type EmbeddedPool } from '../../src/embedded/index.ts';
import { STARTS_PGLITE } from './timeout.ts';

const pool = createEmbeddedPool();
beforeAll(() => use(async () => {}), STARTS_PGLITE.timeout);
afterAll(() => pool.end());

describe('the one session', () => {
  test('is handed on in the order of asking, each time after its release', async () => {
    const events: string[] = [];
    const first = await pool.connect();
    const others = ['second', 'third'].map(async (name) => {
      const client = await pool.connect();
      events.push(`${name} begins`);
      await client.query('select 1');
      events.push(`${name} ends`);
      client.release();
    });
    await first.query('select 1');
    events.push('first ends');
    first.release();
    await Promise.all(others);

    expect(events).toEqual(['first ends', 'second begins', 'second ends', 'third begins', 'third ends']);
  });

  test('is taken and released for a statement of the pool, also for one that fails', async () => {
    const results = [1, 2].map((n) => pool.query('select $1::int as n', [n]));
    expect((await Promise.all(results)).map(({ rows }) => rows)).toEqual([[{ n: 1 }], [{ n: 2 }]]);
    await expect(pool.query('select 1 / 0')).rejects.toMatchObject({ code: '22012' });
    await expect(pool.query('select 1 as one')).resolves.toMatchObject({ rows: [{ one: 1 }] });
  });

  test('is known to be in use from each time that it is given until it is released', async () => {
    const isInUse = () => pool.onlySession?.isInUse;
    const client = await pool.connect();
    expect(isInUse()).toBe(true);
    client.release();
    await pool.query('select 1');
    await expect.poll(isInUse).toBe(false);
  });

  test('counts as in use once the pool has ended', async () => {
    const ended = createEmbeddedPool();
    expect(ended.onlySession?.isInUse).toBe(false);
    await ended.end();
    expect(ended.onlySession?.isInUse).toBe(true);
  });

  test('can be that of an application that is written for pg.Pool', () => {
    expectTypeOf<Pool>().toExtend<EmbeddedPool>();
  });

  test.each([
    {
      state: 'an open transaction',
      leave: (client: EmbeddedClient) => client.query('insert into t values (1)'),
    },
    {
      state: 'an aborted transaction',
      leave: async (client: EmbeddedClient) => {
        await client.query('insert into t values (1)');
        await client.query('select 1 / 0').catch(() => {});
      },
    },
  ])('rolls back $state at its release', async ({ leave }) => {
    await use((client) => client.query('create table t (n int)'));
    await use(async (client) => {
      await client.query('begin');
      await leave(client);
    });

    await use(async (client) => {
      await expect(client.query('select from t')).resolves.toMatchObject({ rowCount: 0 });
      await client.query('drop table t');
    });
  });

  test('rolls back a transaction that was begun and released without waiting', async () => {
    let begun: Promise<unknown> = Promise.resolve();
    await use(async (client) => {
      begun = client.query('begin');
    });
    await begun;

    await use(async (client) => {
      const { rows } = await client.query('select now() = statement_timestamp() as outside');
      expect(rows).toEqual([{ outside: true }]);
      await expect(client.query('vacuum'), 'which no transaction allows').resolves.toBeDefined();
    });
  });

  test('keeps settings, temporary tables and locks of one user from the next', async () => {
    const look = `
      select current_setting('search_path') as path, current_setting('lock_timeout') as timeout,
             to_regclass('pg_temp.mine') as mine, (select count(*)::int from pg_locks where locktype = 'advisory') as locks`;
    const fresh = await use((client) => client.query(look));
    await use(async (client) => {
      await client.query("set search_path = 'elsewhere'; set lock_timeout = '1s'");
      await client.query('create temporary table mine (); select pg_advisory_lock(1)');
      await expect(client.query(look)).resolves.not.toMatchObject({ rows: fresh.rows });
    });

    await expect(use((client) => client.query(look))).resolves.toMatchObject({ rows: fresh.rows });
  });

  test('keeps what was committed', async () => {
    await use((client) => client.query('create table kept (n int); insert into kept values (1)'));
    await expect(use((client) => client.query('select n from kept'))).resolves.toMatchObject({
      rows: [{ n: 1 }],
    });
  });

  test('is refused to a client that was released', async () => {
    const client = await pool.connect();
    client.release();

    await expect(client.query('select 1')).rejects.toThrow('Client was closed and is not queryable');
  });

  test('can not be released twice by the same client', async () => {
    const client = await pool.connect();
    client.release();
    expect(() => client.release()).toThrow(
      'Release called on client which has already been released to the pool.',
    );

    await expect(
      use((next) => next.query('select 1')),
      'and nobody else notices',
    ).resolves.toBeDefined();
  });

  test('is as new after a release with an error, too', async () => {
    const client = await pool.connect();
    await client.query('begin');
    client.release(new Error('broken'));

    await expect(use((next) => next.query('vacuum'))).resolves.toBeDefined();
  });
});

test('a database that has stopped says so to those who wait for it, and ends', STARTS_PGLITE, async () => {
  const stopping = createEmbeddedPool();
  const client = await stopping.connect();
  const next = stopping.connect();
  const told: string[] = [];
  const removed = () => told.push('removed');
  client.on?.('error', ({ message }) => told.push(message));
  client.on?.('error', removed);
  client.removeListener?.('error', removed);
  // PGlite exits, since nobody sends the rows.
  await expect(client.query('create table t (n int); copy t from stdin')).rejects.toThrow();
  expect(told).toEqual([expect.stringContaining('exit')]);
  client.release();
  await expect(next).rejects.toMatchObject({
    code: 'CONNECTION_FAILED',
    message: expect.stringMatching(
      /^The embedded database has stopped: Program terminated with exit\(1\)\. End this pool and make another one/,
    ),
  });
  await stopping.end();
});

test('a listener that throws does not stop it', async () => {
  await use(async (client) => {
    const listening = client as unknown as { on(event: 'notice', listener: () => void): void };
    listening.on('notice', () => {
      throw new Error('the listener failed');
    });
    await client.query(`do $$ begin raise notice 'hello'; end $$`).catch(() => {});
  });
  await expect(use((next) => next.query('select 1'))).resolves.toBeDefined();
});

test('the database has small buffers, which are filled with zeros at each start', async () => {
  const { rows } = await use((client) => client.query('show shared_buffers'));
  expect(rows).toEqual([{ shared_buffers: '16MB' }]);
});

describe('the end of the pool', () => {
  test(
    'waits for the clients that were asked for before, and lets nobody in after',
    STARTS_PGLITE,
    async () => {
      const events: string[] = [];
      const ending = createEmbeddedPool();
      const first = await ending.connect();
      const second = ending.connect();
      const ended = ending.end().then(() => events.push('ended'));
      await expect(ending.connect()).rejects.toThrow('Cannot use a pool after calling end on the pool');
      first.release();
      await (await second).query('select 1');
      events.push('second served');
      (await second).release();
      await ended;

      expect(events).toEqual(['second served', 'ended']);
    },
  );

  test('costs nothing if nobody connected, and can be called again', async () => {
    const unused = createEmbeddedPool();
    await unused.end();
    await expect(unused.end()).resolves.toBeUndefined();
  });
});

async function use<T>(work: (client: EmbeddedClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  try {
    return await work(client);
  } finally {
    client.release();
  }
}
