import { onTestFinished } from 'vitest';
import type { TestDatabase } from '../support/database.ts';

const SENTINEL = 'sentinel';

/** Collects the payloads that arrive on a channel. */
export async function listen(database: TestDatabase, channel: string) {
  const client = await database.pool({ max: 1 }).connect();
  onTestFinished(() => client.release(true));
  const payloads: string[] = [];
  let onSentinel = () => {};
  client.on('notification', ({ payload = '' }) => {
    if (payload === SENTINEL) onSentinel();
    else payloads.push(payload);
  });
  await client.query(`listen "${channel}"`);
  return {
    /** What has arrived by now: PostgreSQL delivers in the order of the commits, so nothing else can be under way. */
    async untilSentinel(): Promise<string[]> {
      const arrived = new Promise<void>((resolve) => {
        onSentinel = resolve;
      });
      await database.pool().query('select pg_notify($1, $2)', [channel, SENTINEL]);
      await arrived;
      return payloads;
    },
  };
}
