import type { ClientLike, PoolLike } from '../database/client.ts';
import { detectEngine } from '../database/engine.ts';
import { explainRefusedWork } from '../database/refused-work.ts';
import { InvalidOptionsError, LockTimeoutError } from '../errors.ts';
import { type ChangeOptions, type ChangeReport, changePolicy, type PolicyChanges } from '../index.ts';
import { DEFAULT_LOCK_TIMEOUT_MS } from '../options/resolve.ts';
import { checkChangeShape, checkWaitShape } from '../options/running-shape.ts';
import type { BootstrapOptions } from '../options.ts';
import { connectionOf } from '../tables/adapter-connection.ts';

/**
 * Changes the policy of a database in a transaction of its own, which waits for locks for `lockTimeoutMs`. Import this
 * file late, because it loads the library.
 */
export async function changeDatabase(
  pool: PoolLike,
  changes: PolicyChanges,
  options: ChangeOptions & Pick<BootstrapOptions, 'lockTimeoutMs'>,
): Promise<ChangeReport> {
  const { lockTimeoutMs = DEFAULT_LOCK_TIMEOUT_MS } = options;
  const problems = [...checkWaitShape({ lockTimeoutMs }), ...checkChangeShape(changes, options)];
  if (problems.length > 0) throw new InvalidOptionsError(problems);
  const connection = connectionOf(pool, { lockTimeoutMs });
  try {
    const engine = await connection.run(detectEngine);
    const change = (client: ClientLike) => changePolicy(client, changes, options);
    if (!engine.hasSettings) return await connection.run(change);
    const limitAndChange = async (client: ClientLike) => {
      await client.query(`set local lock_timeout = ${lockTimeoutMs}`);
      return change(client);
    };
    return await connection.atomically(limitAndChange, engine);
  } catch (error) {
    const told = await explainRefusedWork(error, 'change the policy', async () => []);
    if (!(told instanceof LockTimeoutError)) throw told;
    const message = `${told.message} For this command: lockTimeoutMs in casbin-bootstrap.config.`;
    throw new LockTimeoutError(message, told.holders, { cause: told });
  }
}
