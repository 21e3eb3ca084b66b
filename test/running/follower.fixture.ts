import { onTestFinished } from 'vitest';
import type { ClientLike } from '../../src/database/client.ts';
import { Follower, type FollowerOptions } from '../../src/running/follower.ts';

/** It answers at once. */
export const client: ClientLike = { query: async () => ({ rows: [], rowCount: 0, command: 'LISTEN' }) };

/** Starts a follower, which is closed at the end of the test. */
export async function startFollower(options: Partial<FollowerOptions>): Promise<Follower> {
  const follower = new Follower({
    pool: { connect: async () => client },
    channels: ['casbin'],
    pollIntervalMs: 1_000_000,
    connectTimeoutMs: 0,
    async look() {},
    confirm() {},
    onError() {},
    ...options,
  });
  await follower.start();
  onTestFinished(() => follower.close());
  return follower;
}
