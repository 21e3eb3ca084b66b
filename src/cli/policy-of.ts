import type { PoolLike } from '../database/client.ts';
import type { PolicySource } from '../review/policy-source.ts';
import type { CommandContext } from './command.ts';

/** Whether a command uses the policy as it is defined, not the database. */
export interface OfflineFlags {
  readonly offline?: true;
}

export const OFFLINE_OPTION = [
  '--offline',
  'use the policy as it is defined; the default if a policy is given and no database',
] as const;

/** Whether to use the policy as it is defined: on request, or if a policy is given and no database. */
export function isOffline({ flags, options, hasDatabase }: CommandContext<OfflineFlags>): boolean {
  return flags.offline === true || (!hasDatabase && options.policy != null);
}

/** What a command works on. */
interface DatabaseOrDefinition {
  /** Null for the policy as it is defined. */
  readonly pool: PoolLike | null;
  /** Which of the two it is, for people. */
  readonly where: string;
  readonly note: string | null;
}

/** Works on the database, or on the policy as it is defined. */
export function withDatabaseOrDefinition<T>(
  context: CommandContext<OfflineFlags>,
  work: (given: DatabaseOrDefinition) => Promise<T>,
): Promise<T> {
  if (isOffline(context)) {
    const where = 'Policy: as it is defined, without a database';
    return work({ pool: null, where, note: context.policyNote });
  }
  return context.withDatabase(({ pool, where }) => work({ pool, where: `Database: ${where}`, note: null }));
}

/** The same for work on a policy, whatever its source is. */
export async function withPolicy<T>(
  context: CommandContext<OfflineFlags>,
  work: (source: PolicySource) => Promise<T>,
): Promise<T> {
  const { defaultPolicy } = await import('../index.ts');
  const { policy = defaultPolicy } = context.options;
  return withDatabaseOrDefinition(context, ({ pool }) => work(pool ?? policy ?? {}));
}
