import { EventEmitter, once } from 'node:events';
import { createServer } from 'node:net';
import { Pool } from 'pg';
import { expect, onTestFinished, test, vi } from 'vitest';
import { withSession } from '../../src/database/session.ts';
import { createLiveEnforcer } from '../../src/index.ts';
import { createDatabase } from '../support/database.ts';

/** What a server sends: type, length, content. */
function message(type: string, content: string | Buffer): Buffer {
  const body = Buffer.from(content);
  const header = Buffer.alloc(5, type);
  header.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([header, body]);
}

const AUTHENTICATED = message('R', Buffer.alloc(4));
const READY = message('Z', 'I');
const TERMINATED = message('E', 'SFATAL\0C57P01\0Mterminating connection due to administrator command\0\0');

/** A pool on a server that terminates each backend in the packet that says it is ready. */
async function openTerminated(): Promise<Pool> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.end(Buffer.concat([AUTHENTICATED, READY, TERMINATED])));
  }).listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  return new Pool({ host: '127.0.0.1', port: Reflect.get(Object(server.address()), 'port'), max: 1 });
}

test('survives that its backend is terminated in the packet that says it is ready, and knows of it', async () => {
  const pool = await openTerminated();

  await expect(withSession(pool, ({ client }) => client.query('select 1'))).rejects.toMatchObject({
    code: '57P01',
  });
  expect(pool.totalCount).toBe(0);
});

test('a live enforcer survives it too', async () => {
  const pool = await openTerminated();

  await expect(createLiveEnforcer(pool)).rejects.toThrow();
  expect(pool.totalCount).toBe(0);
});

test('destroys a client that comes too late and is lost', async () => {
  const loss = new Error('terminated');
  const client = Object.assign(new EventEmitter(), { query: vi.fn(), release: vi.fn() });
  let arrive = () => {};
  const coming = new Promise<typeof client>((resolve) => {
    arrive = () => resolve(client);
  });
  const pool = Object.assign(new EventEmitter(), { connect: () => coming });

  await expect(withSession(pool, async () => {}, { connectTimeoutMs: 1 })).rejects.toThrow('No connection');
  pool.emit('acquire', client);
  client.emit('error', loss);
  arrive();

  await vi.waitFor(() => expect(client.release).toHaveBeenCalledExactlyOnceWith(loss));
});

test('leaves no listener on a client that the pool gives to another caller', async () => {
  const pool = (await createDatabase()).pool({ max: 2 });

  const [client] = await Promise.all([pool.connect(), withSession(pool, async () => {})]);
  await new Promise(setImmediate);

  expect(client.listenerCount('error')).toBe(0);
  client.release();
});

test('does not touch clients of a pool that nobody waits for', async () => {
  const pool = (await createDatabase()).pool({ max: 1 });
  await withSession(pool, async () => {});
  await new Promise(setImmediate);
  let listeners: number | undefined;
  pool.on('acquire', (client) => {
    listeners = client.listenerCount('error');
  });
  const client = await pool.connect();
  await new Promise(setImmediate);

  // The pool's own, which it takes off afterwards.
  expect(listeners).toBe(client.listenerCount('error') + 1);
  client.release();
});

test('puts one listener on a pool and on a client, however many wait', async () => {
  const pool = (await createDatabase()).pool({ max: 1 });
  const before = pool.listenerCount('acquire');
  await withSession(pool, async () => {});
  const counts: number[] = [];
  pool.on('acquire', (client) => counts.push(client.listenerCount('error')));

  await Promise.all(Array.from({ length: 20 }, () => withSession(pool, async () => {})));

  expect(pool.listenerCount('acquire')).toBe(before + 2);
  // The pool's own, and that of the hand-over.
  expect(counts).toEqual(new Array(20).fill(2));
});
