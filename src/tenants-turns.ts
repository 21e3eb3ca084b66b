import type { PoolLike } from './database/client.ts';

interface Turns {
  free: number;
  readonly waiting: (() => void)[];
}

/**
 * Lets tenants that share a pool use no more of its clients at a time than it has: a pool lets a caller wait for a
 * limited time only, and a tenant may take longer. A pool that does not tell its size is used at once.
 */
export class PoolTurns {
  readonly #turns = new WeakMap<PoolLike, Turns>();

  async use<T>(pool: PoolLike, work: () => Promise<T>): Promise<T> {
    const turns = this.#turns.get(pool) ?? { free: sizeOf(pool), waiting: [] };
    this.#turns.set(pool, turns);
    if (turns.free > 0) turns.free--;
    else await new Promise<void>((resolve) => turns.waiting.push(resolve));
    try {
      return await work();
    } finally {
      // Whoever waits gets the turn itself, so that nobody comes first who asks later.
      const next = turns.waiting.shift();
      if (next === undefined) turns.free++;
      else next();
    }
  }
}

/** The size of a pool of pg. */
function sizeOf(pool: PoolLike): number {
  const max: unknown = Reflect.get(Object(Reflect.get(pool, 'options')), 'max');
  return typeof max === 'number' && max > 0 ? max : Number.POSITIVE_INFINITY;
}
