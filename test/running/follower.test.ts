import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, onTestFinished, test } from 'vitest';
import { Follower } from '../../src/running/follower.ts';

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

const LOOKS = 5_000;

test('keeps nothing of a look that is over', async () => {
  const client = { query: async () => ({ rows: [], rowCount: 0, command: 'LISTEN' }) };
  const follower = new Follower({
    pool: { connect: async () => client },
    channels: ['casbin'],
    pollIntervalMs: 1_000_000,
    connectTimeoutMs: 0,
    async look() {},
    onError() {},
  });
  await follower.start();
  onTestFinished(() => follower.close());
  const look = async (times: number) => {
    for (let turn = 0; turn < times; turn++) {
      // It has begun to wait.
      await setImmediate();
      await follower.lookNow();
    }
    collectGarbage();
    return process.memoryUsage().heapUsed;
  };
  const before = await look(LOOKS / 10);
  const after = await look(LOOKS);

  expect((after - before) / LOOKS).toBeLessThan(50);
});
