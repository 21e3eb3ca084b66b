import pg from 'pg';
import { onTestFinished } from 'vitest';
import type { ClientLike, PoolLike } from '../../src/index.ts';

/** How many of something there are, and the most that there ever were. */
export class Census {
  now = 0;
  most = 0;
  total = 0;

  enter(): void {
    this.total++;
    this.most = Math.max(this.most, ++this.now);
  }

  leave(): void {
    this.now--;
  }
}

/** A place to wait at until so many wait there; from then on it is open. */
export function meetingOf(size: number): () => Promise<void> {
  let missing = size;
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return () => {
    if (--missing === 0) open();
    return opened;
  };
}

/** The pool, with a census of the clients that are out; the first so many wait until all of them are out. */
export function countClients(pool: pg.Pool, census: Census, meet: () => Promise<void>): PoolLike {
  return {
    async connect(): Promise<ClientLike> {
      const client = await pool.connect();
      census.enter();
      await meet();
      return {
        query: (text, values) => client.query(text, values),
        release(error) {
          census.leave();
          client.release(error);
        },
      };
    },
  };
}

/** A pool of its own, with a census of those that are not ended yet. */
export function countedPool(census: Census, connectionString: string): pg.Pool {
  const pool = new pg.Pool({ connectionString });
  census.enter();
  const end = pool.end.bind(pool);
  pool.end = async () => {
    await end();
    census.leave();
  };
  onTestFinished(() => (pool.ended ? undefined : end()));
  return pool;
}
