import { createRequire } from 'node:module';
import { describe, expect, onTestFinished, test } from 'vitest';
import { bootstrapDatabase, type Seeder } from '../../src/index.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { createBootstrapped } from './bootstrapped.fixture.ts';
import { listen } from './notification.fixture.ts';

interface Watcher {
  readonly subscriber: {
    readonly notifications: { on(channel: string, listener: (payload: { source: string }) => void): void };
  };
  setUpdateCallback(callback: () => void): void;
  close(): Promise<void>;
}

// CommonJS, without types.
const { newWatcher }: { newWatcher(options: object): Promise<Watcher> } = createRequire(import.meta.url)(
  'casbin-pg-watcher',
);

/** A watcher, and how often it has told its enforcer to reload. */
async function watch(database: TestDatabase, channel = 'casbin') {
  const watcher = await newWatcher({ connectionString: database.url, channel });
  onTestFinished(() => watcher.close());
  let reloads = 0;
  let onSentinel = () => {};
  watcher.setUpdateCallback(() => {
    reloads += 1;
  });
  watcher.subscriber.notifications.on(channel, ({ source }) => {
    if (source === 'sentinel') onSentinel();
  });
  return {
    /** How often by now: PostgreSQL delivers in the order of the commits, and the last one is our own. */
    async reloads(): Promise<number> {
      const arrived = new Promise<void>((resolve) => {
        onSentinel = resolve;
      });
      await database.pool().query('select pg_notify($1, $2)', [channel, '{ "source": "sentinel" }']);
      await arrived;
      return reloads - 1;
    },
  };
}

describe('casbin-pg-watcher', () => {
  test('reloads once after a bootstrap that changed something', async () => {
    const database = await createDatabase();
    const watcher = await watch(database);

    await bootstrapDatabase(database.pool());

    expect(await watcher.reloads()).toBe(1);
  });

  test('does not reload when nothing changed', async () => {
    const database = await createBootstrapped();
    const watcher = await watch(database);

    await bootstrapDatabase(database.pool());
    // A seeder that can't tell beforehand makes it go through the write transaction.
    const asked: Seeder = { name: 'asked', seed: async () => ({ inserted: 0, existing: 1 }) };
    await bootstrapDatabase(database.pool(), { seeders: [asked] });

    expect(await watcher.reloads()).toBe(0);
  });

  test('does not reload after a rollback', async () => {
    const database = await createDatabase();
    const watcher = await watch(database);
    const broken: Seeder = { name: 'broken', seed: () => Promise.reject(new Error('no')) };

    await expect(bootstrapDatabase(database.pool(), { seeders: [broken] })).rejects.toThrow();

    expect(await watcher.reloads()).toBe(0);
  });

  test('reloads on a channel of the application', async () => {
    const database = await createDatabase();
    const [own, usual] = [await watch(database, 'My Channel'), await watch(database)];

    await bootstrapDatabase(database.pool(), { notifyChannel: 'My Channel' });

    expect(await own.reloads()).toBe(1);
    expect(await usual.reloads()).toBe(0);
  });

  test('gets no notification with notifyChannel: false', async () => {
    const database = await createDatabase();
    const watcher = await watch(database);

    await bootstrapDatabase(database.pool(), { notifyChannel: false });

    expect(await watcher.reloads()).toBe(0);
  });
});

test('a listener gets what casbin-pg-watcher sends: a source and the time', async () => {
  const database = await createDatabase();
  const listener = await listen(database, 'casbin');

  await bootstrapDatabase(database.pool());

  const payloads = await listener.untilSentinel();
  expect(payloads.map((payload) => JSON.parse(payload))).toEqual([
    { source: expect.stringMatching(/^casbin-bootstrap-/), now: expect.stringMatching(/^\d{4}-/) },
  ]);
});
