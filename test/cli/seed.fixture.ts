import { createServer, type Socket } from 'node:net';
import { expect } from 'vitest';
import { createDatabase } from '../support/database.ts';

export async function freshDatabase() {
  const database = await createDatabase();
  return { name: database.name, url: database.url, pool: () => database.pool() };
}

export function jsonLines(text: string): { event?: string }[] {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}

export function expectNoStack(stderr: string): void {
  expect(stderr).not.toMatch(/^\s+at /m);
}

/** A TCP server on a port of its own that is no PostgreSQL. */
export async function listen(answer: (socket: Socket) => void = () => {}) {
  const server = createServer((socket) => {
    socket.resume().on('error', () => {});
    answer(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  return { port, close: () => new Promise<void>((resolve) => server.close(() => resolve())) };
}

/** PostgreSQL's ErrorResponse. */
export function refusal(code: string, message: string): Buffer {
  const fields = Buffer.from(`SFATAL\0VFATAL\0C${code}\0M${message}\0\0`);
  const head = Buffer.from('E\0\0\0\0');
  head.writeInt32BE(fields.length + 4, 1);
  return Buffer.concat([head, fields]);
}
