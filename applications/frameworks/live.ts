import { createLiveEnforcer, type LiveEnforcer } from 'casbin-bootstrap';
import type { Start } from './application.ts';
import { OPTIONS, TENANT_OPTIONS } from './policy.ts';

/** The options of the live enforcer, which each application gives in the way of its framework. */
export function optionsOf({ withTenants = false, maxStalenessMs }: Start) {
  const options = withTenants ? TENANT_OPTIONS : OPTIONS;
  return { ...options, ...(maxStalenessMs !== undefined && { maxStalenessMs }) };
}

export function makeLive(start: Start): Promise<LiveEnforcer> {
  return createLiveEnforcer(start.pool, optionsOf(start));
}

/** Who a user is, as an application finds it out that trusts a header of its gateway. */
export function readUser(user: string | string[] | undefined): string | undefined {
  if (user === 'unreadable') throw new Error('the session store is down');
  // What a program in JavaScript may do.
  if (user === 'numbered') return 7 as unknown as string;
  return user === undefined ? undefined : `user:${user}`;
}
