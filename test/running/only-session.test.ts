import { EventEmitter } from 'node:events';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { ClientLike } from '../../src/database/client.ts';
import type { FollowerOptions } from '../../src/running/follower.ts';
import { client, startFollower } from './follower.fixture.ts';

/** A pool with one session, its clients, and how many of them were not released. */
function openPool() {
  const listeners = new Set<(client: ClientLike) => void>();
  const clients: EventEmitter[] = [];
  const counts = { held: 0, listeners, clients };
  const pool: FollowerOptions['pool'] = {
    async connect() {
      counts.held += 1;
      const given = Object.assign(new EventEmitter(), client, {
        release() {
          counts.held -= 1;
          for (const listener of listeners) listener(given);
        },
      });
      clients.push(given);
      return given;
    },
    onlySession: {
      get isInUse() {
        return counts.held > 0;
      },
      onRelease(listener) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
  };
  return { pool, counts };
}

test('keeps no client, and looks once after others have used it, but not after the looks of followers', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  const { pool, counts } = openPool();
  const looks = [0, 0];
  for (const index of [0, 1]) {
    const look = async () => {
      looks[index] = (looks[index] ?? 0) + 1;
    };
    await startFollower({ pool, look });
  }
  expect([...looks, counts.held, vi.getTimerCount()]).toEqual([1, 1, 0, 0]);
  for (let turn = 0; turn < 3; turn++) (await pool.connect()).release?.();
  expect(vi.getTimerCount()).toBe(2);

  vi.runOnlyPendingTimers();
  await expect.poll(() => looks).toEqual([2, 2]);
  await expect.poll(() => counts.held).toBe(0);
  expect(vi.getTimerCount()).toBe(0);
});

test('tells that its connection was lost during a look', async () => {
  const { pool, counts } = openPool();
  const look = vi.fn(async () => {});
  const onError = vi.fn();
  const follower = await startFollower({ pool, look, onError });
  look.mockImplementationOnce(async () => {
    const gone = new Error('gone');
    counts.clients.at(-1)?.emit('error', gone);
    throw gone;
  });

  await expect(follower.lookNow()).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
  expect(onError).toHaveBeenCalledWith(expect.objectContaining({ code: 'CONNECTION_LOST' }));
});

test('confirms without a look while nobody has used it, and looks again after a failure', async () => {
  const { pool } = openPool();
  const look = vi.fn(async () => {});
  const confirm = vi.fn();
  const onError = vi.fn();
  const follower = await startFollower({ pool, look, confirm, onError, pollIntervalMs: 1 });
  await expect.poll(() => confirm.mock.calls.length).toBeGreaterThan(2);
  expect(look).toHaveBeenCalledTimes(1);

  look.mockRejectedValueOnce(new Error('failed'));
  await expect(follower.lookNow()).rejects.toThrow('failed');
  await expect.poll(() => look.mock.calls.length).toBe(3);
  expect(onError).toHaveBeenCalledTimes(1);
});

test('confirms nothing while somebody has its client, who may have committed', async () => {
  const { pool } = openPool();
  const look = vi.fn(async () => {});
  const other = await pool.connect();
  await startFollower({ pool, look, pollIntervalMs: 1 });
  await expect.poll(() => look.mock.calls.length).toBeGreaterThan(2);
  other.release?.();
});

test('releases the client of a look that failed, and listens no more once closed', async () => {
  const { pool, counts } = openPool();
  const look = async () => Promise.reject(new Error('failed'));
  await expect(startFollower({ pool, look })).rejects.toThrow('failed');
  expect([counts.held, counts.listeners.size]).toEqual([0, 0]);

  const follower = await startFollower({ pool });
  expect(counts.listeners.size).toBe(1);
  await follower.close();
  expect([counts.held, counts.listeners.size]).toEqual([0, 0]);
});
