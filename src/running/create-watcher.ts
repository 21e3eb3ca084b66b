import type { Model, Watcher, WatcherEx } from 'casbin';
import { InvalidOptionsError } from '../errors.ts';
import { type Rule, ruleKey } from '../policy/rule.ts';
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
 * Casbin tells it what the enforcer has written itself, which then is no reason to load again. Without the latter,
 * without a journal, and where the live enforcer sees a change before the enforcer has the answer to it, the enforcer's
 * own changes have it load again too.
 *
 * @throws InvalidOptionsError for what is no live enforcer
 */
export function createWatcher(live: LiveEnforcer): LiveWatcher {
  if (live instanceof MovedEnforcer) return new WatcherOfChanges(live);
  const message = 'must be a live enforcer, as createLiveEnforcer() makes it';
  throw new InvalidOptionsError([{ code: 'OPTION_INVALID', at: 'live', message }]);
}

class WatcherOfChanges implements LiveWatcher {
  readonly #live: MovedEnforcer;
  readonly #stop: () => void;
  /**
   * What the enforcer itself did about a rule and the live enforcer may not have yet: whether it added or removed it, in
   * the order of its writing.
   */
  readonly #own = new Map<string, boolean[]>();
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
    const isOwn = (rule: Rule, isAdded: boolean) => this.#own.get(ruleKey(rule))?.includes(isAdded) ?? false;
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
      if (this.#isClosed) return;
      try {
        await this.#callback(due);
      } catch (error) {
        this.#live.report(error);
      }
    });
  }

  /** Until the live enforcer has it, what is the enforcer's own is no news to it. */
  async #wrote(ptype: string, rules: readonly string[][], isAdded: boolean): Promise<void> {
    const own = rules.map((values): Rule => ({ ptype, values }));
    for (const rule of own) {
      const key = ruleKey(rule);
      this.#own.set(key, [...(this.#own.get(key) ?? []), isAdded]);
    }
    const isKnown = await this.#catchUp();
    // Heard before this, by the same detour.
    setImmediate(() => {
      const isUndone = own.map((rule) => this.#settle(rule)).includes(true);
      if (isKnown && isUndone) this.#callBack(EVERYTHING);
    });
  }

  /**
   * Forgets the oldest of what the enforcer did about a rule. Whether somebody else took it back at the same time, so
   * that the live enforcer has seen no change at all; where the enforcer has written it again since, that is not known.
   */
  #settle(rule: Rule): boolean {
    const key = ruleKey(rule);
    const [isAdded, ...later] = this.#own.get(key) ?? [];
    if (later.length > 0) this.#own.set(key, later);
    else this.#own.delete(key);
    return later.length === 0 && this.#live.holds(rule) !== isAdded;
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
