import { setImmediate } from 'node:timers/promises';
import { queryObjects } from 'node:v8';
import { expect, onTestFinished, test } from 'vitest';
import type { ClientLike } from '../../src/database/client.ts';
import { Follower, type FollowerOptions } from '../../src/running/follower.ts';

const LOOKS = 1_000;

/** It answers at once. */
const client: ClientLike = { query: async () => ({ rows: [], rowCount: 0, command: 'LISTEN' }) };

async function startFollower(options: Partial<FollowerOptions>): Promise<Follower> {
  const follower = new Follower({
    pool: { connect: async () => client },
    channels: ['casbin'],
    pollIntervalMs: 1_000_000,
    connectTimeoutMs: 0,
    async look() {},
    onError() {},
    ...options,
  });
  await follower.start();
  onTestFinished(() => follower.close());
  return follower;
}

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

test('refuses a look to who waits for one when it is closed', async () => {
  let [looks, goOn] = [0, () => {}];
  const follower = await startFollower({
    async look() {
      looks += 1;
      if (looks === 1) return;
      await new Promise<void>((resolve) => {
        goOn = resolve;
      });
    },
  });
  const looking = follower.lookNow();
  await expect.poll(() => looks).toBe(2);
  const waiting = follower.lookNow();
  const closed = follower.close();
  await expect(waiting).rejects.toMatchObject({ code: 'ENFORCER_CLOSED' });
  goOn();
  await Promise.all([looking, closed]);
});

test('keeps the process alive only while it looks', async () => {
  let isHeld = true;
  const held: boolean[] = [];
  const own = {
    ...client,
    ref() {
      isHeld = true;
    },
    unref() {
      isHeld = false;
    },
  };
  const follower = await startFollower({
    pool: { connect: async () => own },
    async look() {
      held.push(isHeld);
    },
  });
  expect(isHeld).toBe(false);
  await follower.lookNow();
  expect(held).toEqual([true, true]);
  expect(isHeld).toBe(false);
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
