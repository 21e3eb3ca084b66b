import type { Pool } from 'pg';

/** What a pool's clients ask waits while its gate is closed. */
export function gateOf(pool: Pool) {
  let opened: Promise<void> = Promise.resolve();
  let open = () => {};
  pool.on('connect', (client) => {
    const query = client.query.bind(client) as (...given: unknown[]) => Promise<unknown>;
    Object.assign(client, { query: (...given: unknown[]) => opened.then(() => query(...given)) });
  });
  const close = () => {
    opened = new Promise((resolve) => {
      open = resolve;
    });
  };
  return { close, open: () => open() };
}
