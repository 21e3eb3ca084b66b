import type { Model, Watcher, WatcherEx } from 'casbin';
import { isSameList } from '../collections.ts';
import { InvalidOptionsError } from '../errors.ts';
import type { Rule } from '../policy/rule.ts';
import { type LiveEnforcer, MovedEnforcer, type PolicyChange } from './live-enforcer.ts';

/** A watcher of Casbin's, made by createWatcher. */
export interface LiveWatcher extends Watcher, WatcherEx, Disposable {
  /**
   * Calls back after each change by others that the live enforcer has applied, and waits for a promise before it calls
   * again. Casbin's `setWatcher` gives it the enforcer's `loadPolicy`.
   */
  setUpdateCallback(callback: (change: PolicyChange) => void | Promise<void>): void;
  /** Calls back no more. The live enforcer goes on, and is the caller's to close. */
  close(): void;
}

/**
 * A watcher for an application that keeps an enforcer of its own: it is told of each change by others as soon as a live
 * enforcer has it.
 *
 * Give it to both: `enforcer.setWatcher(watcher)` to be called back, and `enforcer.setWatcherEx(watcher)` so that
 * Casbin tells it what the enforcer has written itself, which then is no reason to load again. Without the latter, and
 * without a journal, the enforcer's own changes have it load again too.
 *
 * @throws InvalidOptionsError for what is no live enforcer
 */
export function createWatcher(live: LiveEnforcer): LiveWatcher {
  if (live instanceof MovedEnforcer) return new WatcherOfChanges(live);
  const message = 'must be a live enforcer, as createLiveEnforcer() makes it';
  throw new InvalidOptionsError([{ code: 'OPTION_INVALID', at: 'live', message }]);
}

/** A rule that the enforcer has written itself. */
interface OwnChange extends Rule {
  readonly isAdded: boolean;
}

class WatcherOfChanges implements LiveWatcher {
  readonly #live: MovedEnforcer;
  readonly #stop: () => void;
  readonly #own = new Set<OwnChange>();
  #callback: (change: PolicyChange) => void | Promise<void> = () => {};
  /** Settles when nobody has to be called back any more. */
  #calling: Promise<void> = Promise.resolve();
  #waiting: PolicyChange | null = null;
  #isClosed = false;

  constructor(live: MovedEnforcer) {
    this.#live = live;
    // The enforcer learns from its own connection that it has written; it shall be able to say so before.
    this.#stop = live.listen((change) => setImmediate(() => this.#hear(change)));
  }

  setUpdateCallback(callback: (change: PolicyChange) => void | Promise<void>): void {
    this.#callback = callback;
  }

  close(): void {
    this.#isClosed = true;
    this.#stop();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #hear(change: PolicyChange): void {
    const { reloaded, added, removed } = change;
    const isOwn = (rule: Rule, isAdded: boolean) =>
      [...this.#own].some((one) => one.isAdded === isAdded && isSameRule(one, rule));
    const isAllOwn =
      !reloaded && added.every((rule) => isOwn(rule, true)) && removed.every((rule) => isOwn(rule, false));
    if (!isAllOwn) this.#callBack(change);
  }

  /** One after the other: an enforcer that loads twice at a time has each rule twice. */
  #callBack(change: PolicyChange): void {
    if (this.#isClosed) return;
    const isCalling = this.#waiting !== null;
    // Who loads later has what came meanwhile too.
    this.#waiting = isCalling ? EVERYTHING : change;
    if (isCalling) return;
    this.#calling = this.#calling.then(async () => {
      const due = this.#waiting ?? change;
      this.#waiting = null;
      try {
        await this.#callback(due);
      } catch (error) {
        this.#live.report(error);
      }
    });
  }

  /** Until the live enforcer has it, what is the enforcer's own is no news to it. */
  async #wrote(ptype: string, rules: readonly string[][], isAdded: boolean): Promise<void> {
    const own = rules.map((values): OwnChange => ({ ptype, values, isAdded }));
    for (const change of own) this.#own.add(change);
    const isKnown = await this.#catchUp();
    // Heard before this, by the same detour.
    setImmediate(() => {
      for (const change of own) this.#own.delete(change);
      // Somebody else took it back at the same time, so that the live enforcer has seen no change at all.
      const isUndone = ({ isAdded: isThere, ...rule }: OwnChange) => this.#live.holds(rule) !== isThere;
      if (isKnown && own.some(isUndone)) this.#callBack(EVERYTHING);
    });
  }

  /** Casbin does not wait for the methods below, so that they must not reject; the live enforcer says what is wrong. */
  async #catchUp(): Promise<boolean> {
    while (!this.#isClosed && this.#live.state.status !== 'closed') {
      try {
        await this.#live.caughtUp();
        return true;
      } catch {
        // It connects again by itself, after a pause.
      }
    }
    return false;
  }

  update(): Promise<boolean> {
    return this.#catchUp();
  }

  updateForAddPolicy(_sec: string, ptype: string, ...values: string[]): Promise<void> {
    return this.#wrote(ptype, [values], true);
  }

  updateForRemovePolicy(_sec: string, ptype: string, ...values: string[]): Promise<void> {
    return this.#wrote(ptype, [values], false);
  }

  updateForAddPolicies(_sec: string, ptype: string, ...rules: string[][]): Promise<void> {
    return this.#wrote(ptype, rules, true);
  }

  updateForRemovePolicies(_sec: string, ptype: string, ...rules: string[][]): Promise<void> {
    return this.#wrote(ptype, rules, false);
  }

  /** What the filter took is not said, so that the enforcer loads again. */
  async updateForRemoveFilteredPolicy(): Promise<void> {
    await this.#catchUp();
  }

  updateForSavePolicy(_model: Model): Promise<boolean> {
    return this.#catchUp();
  }
}

const EVERYTHING: PolicyChange = { reloaded: true, added: [], removed: [] };

function isSameRule(one: Rule, other: Rule): boolean {
  return one.ptype === other.ptype && isSameList(one.values, other.values);
}
