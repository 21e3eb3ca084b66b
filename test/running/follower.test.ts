import { EventEmitter } from 'node:events';
import { syncBuiltinESMExports } from 'node:module';
import timers, { setImmediate } from 'node:timers/promises';
import { queryObjects } from 'node:v8';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { ClientLike } from '../../src/database/client.ts';
import { StoredRuleError } from '../../src/errors.ts';
import type { FollowerOptions } from '../../src/running/follower.ts';
import { client, startFollower } from './follower.fixture.ts';

const LOOKS = 1_000;

test('keeps nothing of a look that is over', async () => {
  const follower = await startFollower({});
  const before = countPromises();
  for (let turn = 0; turn < LOOKS; turn++) {
    // It has begun to wait.
    await setImmediate();
    await follower.lookNow();
  }

  expect(countPromises() - before).toBeLessThan(LOOKS / 10);
});

/** Promises that something still refers to. */
function countPromises(): number {
  return queryObjects(Promise, { format: 'count' });
}

test('pauses only shortly after a failure that follows a success', async () => {
  // Pauses that grew with each of them would take more than a minute.
  const FAILURES = 13;
  let [looks, failures] = [0, 0];
  await startFollower({
    pollIntervalMs: 1,
    async look() {
      looks += 1;
      if (looks % 2 === 0) throw new Error('failed');
    },
    onError() {
      failures += 1;
    },
  });
  await expect.poll(() => failures).toBeGreaterThanOrEqual(FAILURES);
});

test('pauses longer after each failure in a row, up to ten seconds, at random between half of that and all', async () => {
  const POLL_MS = 1_000_000;
  const pauses: unknown[] = [];
  const random = vi.spyOn(Math, 'random').mockReturnValue(1);
  const wait = timers.setTimeout;
  // A pause after a failure is over at once.
  vi.spyOn(timers, 'setTimeout').mockImplementation(async (timeMs, value, options) => {
    if (timeMs === POLL_MS) return wait(timeMs, value, options);
    pauses.push(timeMs);
    return value as never;
  });
  syncBuiltinESMExports();
  onTestFinished(() => {
    vi.restoreAllMocks();
    syncBuiltinESMExports();
  });
  const look = vi.fn(async () => {});
  const follower = await startFollower({ pollIntervalMs: POLL_MS, look });
  look.mockImplementation(async () => {
    if (pauses.length === 9) random.mockReturnValue(0);
    if (pauses.length < 10) throw new Error('failed');
  });
  await follower.lookNow().catch(() => {});
  await expect.poll(() => pauses).toHaveLength(10);
  expect(pauses).toEqual([100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000, 5_000]);
});

test('returns a client that comes too late', async () => {
  let give: (client: ClientLike) => void = () => {};
  const connecting = new Promise<ClientLike>((resolve) => {
    give = resolve;
  });
  const started = startFollower({ pool: { connect: () => connecting }, connectTimeoutMs: 1 });
  await expect(started).rejects.toMatchObject({ code: 'CONNECTION_FAILED' });
  const isReturned = new Promise((resolve) => {
    give({ ...client, release: resolve });
  });
  expect(await isReturned).toBeUndefined();
});

test('does not mind a pool that fails after nobody waits any more', async () => {
  let fail: (error: Error) => void = () => {};
  const connecting = new Promise<ClientLike>((_, reject) => {
    fail = reject;
  });
  const started = startFollower({ pool: { connect: () => connecting }, connectTimeoutMs: 1 });
  await expect(started).rejects.toMatchObject({ code: 'CONNECTION_FAILED' });
  fail(new Error('the server is gone'));
  await setImmediate();
});

test('says of a pool that gives no client that this is what it lacks', async () => {
  const started = startFollower({ pool: { connect: async () => undefined as never } });
  await expect(started).rejects.toMatchObject({
    code: 'CONNECTION_FAILED',
    message: expect.stringContaining('did not give a client that can query'),
  });
});

test('does not take an error of the application about another connection for a lost one', async () => {
  const other = Object.assign(new Error('the API is gone'), { code: 'ECONNRESET' });
  const started = startFollower({ look: () => Promise.reject(other) });
  await expect(started).rejects.toBe(other);
});

test('keeps the process alive only while it looks', async () => {
  const held: string[] = [];
  const holdable = { ...client, ref: () => held.push('held'), unref: () => held.push('let go') };
  const follower = await startFollower({
    pool: { connect: async () => holdable },
    async look() {
      held.push('look');
    },
  });
  expect(held.splice(0)).toEqual(['look', 'let go']);
  await follower.lookNow();
  await setImmediate();
  expect(held).toEqual(['held', 'look', 'let go']);
});

test('leaves no timer when it is closed, and returns its connection as one that is not to be used again', async () => {
  const released: unknown[] = [];
  const own = { ...client, release: (broken: unknown) => released.push(broken) };
  const follower = await startFollower({ pool: { connect: async () => own } });
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  await follower.close();
  expect(vi.getTimerCount()).toBe(0);
  expect(released).toEqual([true]);
});

test('is closed at once while it pauses after a failure', async () => {
  const errors: Error[] = [];
  const look = vi.fn(async () => {});
  const follower = await startFollower({ look, onError: (error) => errors.push(error) });
  // The pause takes an hour.
  const random = vi.spyOn(Math, 'random').mockReturnValue(72_000);
  onTestFinished(() => random.mockRestore());
  look.mockRejectedValueOnce(new Error('failed'));
  await expect(follower.lookNow()).rejects.toThrow('failed');
  await follower.close();
  expect(errors).toHaveLength(1);
  expect(look).toHaveBeenCalledTimes(2);
});

test('returns a connection on which it failed', async () => {
  const released: unknown[] = [];
  const own = { ...client, release: (broken: unknown) => released.push(broken) };
  const pool = { connect: async () => own };
  const fail = async () => {
    throw new Error('failed');
  };
  await expect(startFollower({ pool, look: fail })).rejects.toThrow('failed');
  expect(released.splice(0)).toEqual([true]);

  const look = vi.fn(async () => {});
  const follower = await startFollower({ pool, look });
  look.mockImplementationOnce(fail);
  await expect(follower.lookNow()).rejects.toThrow('failed');
  expect(released).toEqual([true]);
});

describe('a lost connection', () => {
  const loss = new Error('terminated');

  function openLosable(given: Partial<FollowerOptions> = {}) {
    const [errors, released]: [Error[], unknown[]] = [[], []];
    const own = Object.assign(new EventEmitter(), {
      ...client,
      release: (reason: unknown) => released.push(reason),
    });
    const lose = () => own.emit('error', loss);
    const pool = { connect: async () => own };
    const options = { pool, onError: (error: Error) => errors.push(error), ...given };
    return { errors, released, lose, options };
  }

  test('is told with its reason, also to who asks for a look', async () => {
    const { errors, released, lose, options } = openLosable();
    const follower = await startFollower(options);
    lose();
    await expect(follower.lookNow()).rejects.toMatchObject({ code: 'CONNECTION_LOST', cause: loss });
    expect(errors).toMatchObject([{ code: 'CONNECTION_LOST', cause: loss }]);
    expect(released).toEqual([true]);
  });

  test('is noticed at once, and looked past on another one', async () => {
    const look = vi.fn(async () => {});
    const { errors, lose, options } = openLosable({ look });
    await startFollower(options);
    lose();
    await expect.poll(() => errors).toMatchObject([{ code: 'CONNECTION_LOST', cause: loss }]);
    await expect.poll(() => look).toHaveBeenCalledTimes(2);
  });

  test('during the first look ends the start, with what to do', async () => {
    const { released, lose, options } = openLosable({
      async look() {
        lose();
        throw new Error('there is no answer');
      },
    });
    const message = expect.stringContaining('terminated. Create it again.');
    const lost = { code: 'CONNECTION_LOST', message, cause: loss };
    await expect(startFollower(options)).rejects.toMatchObject(lost);
    expect(released).toEqual([true]);
  });

  test('is not told where the look has a reason of its own', async () => {
    const reason = new StoredRuleError('a rule has no values', ['1']);
    const { lose, options } = openLosable({
      async look() {
        lose();
        throw reason;
      },
    });
    await expect(startFollower(options)).rejects.toBe(reason);
  });

  test('is what the silence of a server for a minute is taken for', async () => {
    const silent = { query: () => new Promise<never>(() => {}) };
    const pool = { connect: async () => silent };
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    const started = startFollower({
      pool,
      channels: [],
      look: (asked) => asked.query('select 1').then(() => {}),
    }).catch((error: unknown) => error);
    await setImmediate();
    vi.advanceTimersByTime(60_000);
    expect(await started).toMatchObject({
      code: 'CONNECTION_LOST',
      message: expect.stringContaining('did not answer within 60000 ms'),
    });
  });
});

test('looks no more once it is closed', async () => {
  const look = vi.fn(async () => {});
  const follower = await startFollower({ look });
  await follower.close();
  await expect(follower.lookNow()).rejects.toMatchObject({ code: 'ENFORCER_CLOSED' });
  expect(look).toHaveBeenCalledTimes(1);
});

test('reports a look that failed after it was closed only to those who wait for it', async () => {
  let fail: (error: Error) => void = () => {};
  const errors: Error[] = [];
  const look = vi.fn(async () => {});
  const follower = await startFollower({ look, onError: (error) => errors.push(error) });
  look.mockReturnValueOnce(
    new Promise((_, reject) => {
      fail = reject;
    }),
  );
  const begun = follower.lookNow().catch((error: unknown) => error);
  await setImmediate();
  const later = follower.lookNow().catch((error: unknown) => error);
  const closed = follower.close();
  fail(new Error('failed'));
  await closed;
  expect(await begun).toMatchObject({ message: 'failed' });
  expect(await later).toMatchObject({ code: 'ENFORCER_CLOSED' });
  expect(errors).toEqual([]);
});

test('closes its connection a second after it was closed, where a look does not end', async () => {
  const released: unknown[] = [];
  const own = { ...client, release: (broken: unknown) => released.push(broken) };
  let fail: (error: Error) => void = () => {};
  const look = vi.fn(async () => {});
  const follower = await startFollower({ pool: { connect: async () => own }, look });
  look.mockReturnValueOnce(
    new Promise((_, reject) => {
      fail = reject;
    }),
  );
  const begun = follower.lookNow().catch((error: unknown) => error);
  await setImmediate();
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  const closed = follower.close();
  vi.advanceTimersByTime(999);
  expect(released).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(released).toEqual([true]);
  fail(new Error('the connection was closed'));
  await closed;
  expect(await begun).toMatchObject({ message: 'the connection was closed' });
  expect(released).toEqual([true]);
});

test('looks once more for a caller that asks during a look', async () => {
  const finish: (() => void)[] = [];
  const look = vi.fn(async () => {});
  const follower = await startFollower({ look });
  look.mockImplementation(() => new Promise((resolve) => finish.push(resolve)));
  const first = follower.lookNow();
  await expect.poll(() => finish).toHaveLength(1);
  const second = follower.lookNow();
  finish[0]?.();
  await first;
  await expect.poll(() => finish).toHaveLength(2);
  finish[1]?.();
  await second;
});

test('listens by quoted names, and destroys its connection when the first look fails', async () => {
  const [asked, released]: [unknown[], unknown[]] = [[], []];
  const own: ClientLike = {
    async query(text: unknown) {
      asked.push(text);
      return { rows: [], rowCount: 0, command: 'LISTEN' };
    },
    release(reason) {
      released.push(reason);
    },
  };
  const started = startFollower({
    pool: { connect: async () => own },
    channels: ['casbin', 'a"b'],
    async look() {
      throw new Error('failed');
    },
  });
  await expect(started).rejects.toThrow('failed');
  expect(asked).toEqual(['listen "casbin"', 'listen "a""b"']);
  expect(released).toEqual([true]);
});
