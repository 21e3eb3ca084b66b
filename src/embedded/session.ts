import pg from 'pg';
import type { EmbeddedClient } from './embedded-client.ts';
import type { Engine } from './engine.ts';

/**
 * Opens the session as a new `pg` client, so that types, results and errors are node-postgres's own.
 *
 * `onReleased` is called when the session is as new again and may be handed on.
 */
export async function openSession(engine: Engine, onReleased: () => void): Promise<EmbeddedClient> {
  const client = new pg.Client(engine.createClientConfig());
  // A broken engine rejects the query already; without a listener the same error would end the process
  client.on('error', () => {});
  await client.connect();

  let released = false;
  const session = {
    getTypeParser: client.getTypeParser,
    async query(text: string | pg.QueryConfig, values?: unknown[]) {
      if (released) throw new Error('Client was closed and is not queryable');
      return client.query(text, values);
    },
    release() {
      if (released) throw new Error('Release called on client which has already been released to the pool.');
      released = true;
      resetSession(client).then(onReleased, onReleased);
    },
    on: (event: 'error', listener: (error: Error) => void) => client.on(event, listener),
    removeListener: (event: 'error', listener: (error: Error) => void) =>
      client.removeListener(event, listener),
  };
  return session;
}

/**
 * Ends the client and all that it left behind: a transaction, settings, temporary tables, advisory locks.
 *
 * Rolls back in any case: a `begin` that nobody awaited is not yet seen in the transaction status.
 */
async function resetSession(client: pg.Client): Promise<void> {
  try {
    await client.query('rollback');
    await client.query('discard all');
  } finally {
    await client.end();
  }
}
