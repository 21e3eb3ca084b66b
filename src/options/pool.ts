import type { Problem } from '../errors.ts';

/** What is wrong with the pool; nothing that it holds is shown, as that may be a password. */
export function checkPool(pool: unknown): Problem[] {
  const message = explainUnfit(pool);
  return message === null ? [] : [{ code: 'OPTION_INVALID', at: 'pool', message }];
}

function explainUnfit(pool: unknown): string | null {
  if (typeof pool === 'string') {
    return 'must be a pool, not a connection string. Make one: new pg.Pool({ connectionString }).';
  }
  const connects = typeof pool === 'object' && pool !== null && 'connect' in pool;
  if (!connects || typeof pool.connect !== 'function') return 'must have a connect method, as pg.Pool has.';
  // A client has a connect method too, which gives no client.
  if ('escapeIdentifier' in pool) return 'must be a pool, not a single client. Give the pg.Pool.';
  return null;
}
