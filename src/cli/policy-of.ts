import type { PolicySource } from '../policy-source.ts';
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

/** Works on the policy of the database, or on the definition. */
export async function withPolicy<T>(
  context: CommandContext<OfflineFlags>,
  work: (source: PolicySource) => Promise<T>,
): Promise<T> {
  const { defaultPolicy } = await import('../index.ts');
  const { policy = defaultPolicy } = context.options;
  return isOffline(context) ? work(policy ?? {}) : context.withDatabase(({ pool }) => work(pool));
}
