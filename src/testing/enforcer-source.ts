import type { Enforcer } from 'casbin';
import { createEnforcer } from '../create-enforcer.ts';
import type { PoolLike } from '../database/client.ts';
import type { EnforcerOptions } from '../options.ts';

/** What is asked for decisions: an enforcer, or a database on which one is made. */
export type EnforcerSource = Enforcer | PoolLike;

/** Whether a value is an enforcer. Not instanceof: Casbin has two builds, and tests may hold the other one's. */
export function isEnforcer(value: unknown): value is Enforcer {
  return typeof value === 'object' && value !== null && 'enforceEx' in value && 'getModel' in value;
}

/** The given enforcer, or a new one on the given database. */
export async function enforcerOf(target: EnforcerSource, options: EnforcerOptions): Promise<Enforcer> {
  return isEnforcer(target) ? target : createEnforcer(target, options);
}
