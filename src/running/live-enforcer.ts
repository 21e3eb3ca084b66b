import type { Enforcer } from 'casbin';
import type { Rule } from '../policy/rule.ts';

/** How up to date a live enforcer is. */
export interface LiveState {
  /**
   * `current`: within `maxStalenessMs` it has confirmed that it has everything that was committed. `stale`: it has not.
   * `closed`: it does not follow the database any more. Without `maxStalenessMs` it is never `stale`.
   */
  readonly status: 'current' | 'stale' | 'closed';
  /** When its last successful look began: it has everything that was committed before this time. */
  readonly confirmedAt: Date;
  /** Whether it reads the changes from a journal, or all rules again. */
  readonly by: 'journal' | 'reload';
  /** Why the last look failed; null if it succeeded. */
  readonly error: Error | null;
}

/** A change of the policy of a live enforcer. */
export interface PolicyChange {
  /** Whether all rules were read again. In that case `added` and `removed` are empty. */
  readonly reloaded: boolean;
  /** The rules that were not there before. */
  readonly added: readonly Rule[];
  /** The rules that are not there any more. */
  readonly removed: readonly Rule[];
}

/**
 * A Casbin enforcer whose decisions follow the database, made by createLiveEnforcer.
 *
 * It decides on the policy before a transaction or after it, never in between. Changes that are made through it are
 * written to the database, and decisions use them when the promise resolves.
 */
export interface LiveEnforcer extends Enforcer, AsyncDisposable {
  /** How up to date it is. */
  readonly state: LiveState;
  /**
   * Resolves when decisions use everything that was committed before the call: for tests, and for callers that read
   * what they have just written.
   *
   * @throws when the database can't be asked, or the enforcer is closed
   */
  caughtUp(): Promise<void>;
  /** Stops following the database, and returns its connection. It still decides, on the rules that it has. */
  close(): Promise<void>;
}
