import type { Enforcer } from 'casbin';
import type { Rule } from '../policy/rule.ts';

/** How up to date a live enforcer is. */
export interface LiveState {
  /**
   * `current`: it has confirmed within `maxStalenessMs` that it has everything that was committed. `stale`: it has not.
   * `closed`: it follows no more. Without `maxStalenessMs` it is never `stale`.
   */
  readonly status: 'current' | 'stale' | 'closed';
  /** When it last began to look and then found out: what was committed before, it has. While it can't look, this stays. */
  readonly confirmedAt: Date;
  /** Whether it reads differences from a journal, or all rules anew. */
  readonly by: 'journal' | 'reload';
  /** Why it could not look the last time; null when it could. */
  readonly error: Error | null;
}

/** A change of the policy that a live enforcer decides on. */
export interface PolicyChange {
  /** Whether all rules were read anew. Then `added` and `removed` are empty. */
  readonly reloaded: boolean;
  /** The rules that were not there before. */
  readonly added: readonly Rule[];
  /** The rules that are not there any more. */
  readonly removed: readonly Rule[];
}

/**
 * A Casbin enforcer whose decisions follow the database, made by createLiveEnforcer.
 *
 * A decision is made on the policy as it was before a transaction or as it is after it, never in between. What is
 * written through it goes to the database, and is decided on when the promise resolves.
 */
export interface LiveEnforcer extends Enforcer, AsyncDisposable {
  /** How up to date it is. */
  readonly state: LiveState;
  /**
   * Resolves when it decides on everything that was committed before the call: for tests, and for who reads what they
   * have just written.
   *
   * @throws when the database can't be asked, or the enforcer is closed
   */
  caughtUp(): Promise<void>;
  /** Follows no more, and gives its connection back. It still decides, on what it has. */
  close(): Promise<void>;
}
