import { checkPool } from '../database/check-pool.ts';
import type { PoolLike } from '../database/client.ts';
import { ConnectionError, InvalidOptionsError } from '../errors.ts';
import type { LoggerLike } from '../logger.ts';
import { reasonOf } from '../reason.ts';
import type { OwnPool, Tenant } from './tenant.ts';

/** Runs `work` with the pool of a tenant; one that is made for it is ended afterwards, whatever happened. */
export async function withTenantPool<T>(
  tenant: Tenant,
  logger: LoggerLike,
  work: (pool: PoolLike) => Promise<T>,
): Promise<T> {
  if (typeof tenant.pool !== 'function') return work(tenant.pool);
  const pool = await makePool(tenant.pool);
  // Without a listener, an idle client that the server ends would end the process.
  pool.on?.('error', () => {});
  try {
    return await work(pool);
  } finally {
    await endPool(pool, logger);
  }
}

async function makePool(make: () => OwnPool | Promise<OwnPool>): Promise<OwnPool> {
  let pool: OwnPool;
  try {
    pool = await make();
  } catch (cause) {
    const message = `There is no pool for this tenant, its function threw: ${reasonOf(cause)}. Fix the function, or what it depends on.`;
    throw new ConnectionError('CONNECTION_FAILED', message, { cause });
  }
  const problems = checkPool(pool);
  if (problems.length > 0) throw new InvalidOptionsError(problems);
  return pool;
}

/** By now the tenant is bootstrapped, or not: a pool that can't be ended changes nothing about that. */
async function endPool(pool: OwnPool, logger: LoggerLike): Promise<void> {
  try {
    await pool.end?.();
  } catch (error) {
    logger.warn({ event: 'tenant_pool_not_ended', reason: reasonOf(error) }, "The tenant's pool did not end");
  }
}
