import { AsyncLocalStorage } from 'node:async_hooks';
import type { Model, Watcher, WatcherEx } from 'casbin';
import { InvalidOptionsError } from '../errors.ts';
import { type Rule, ruleKey } from '../policy/rule.ts';
import type { LiveEnforcer, PolicyChange } from './live-enforcer.ts';
import { MovedEnforcer } from './moved-enforcer.ts';

/** A watcher of Casbin's, made by createWatcher. */
export interface LiveWatcher extends Watcher, WatcherEx, Disposable {
  /**
   * Sets the function that is called after each change by others that the live enforcer has applied. If it returns a
   * promise, the next call waits for it. Casbin's `setWatcher` sets the enforcer's `loadPolicy`. A function that writes
   * by `updatePolicy`, or removes by a filter, is called for that again: Casbin does not say what these change.
   */
  setUpdateCallback(callback: (change: PolicyChange) => void | Promise<void>): void;
  /** Ends the calls. It does not close the live enforcer. */
  close(): void;
}

/**
 * Creates a watcher for an application that keeps an enforcer of its own. The watcher calls back for each change by
 * others as soon as a live enforcer has it.
 *
 * Call both `enforcer.setWatcher(watcher)`, for the calls, and `enforcer.setWatcherEx(watcher)`, by which Casbin
 * reports the enforcer's own changes, so that these cause no reload. The enforcer's own changes cause a reload too if
 * `setWatcherEx` was not called, if there is no journal, or if the live enforcer sees a change before the enforcer has
 * the answer of its statement.
 *
 * @throws InvalidOptionsError for anything but a live enforcer
 */
export function createWatcher(live: LiveEnforcer): LiveWatcher {
  if (live instanceof MovedEnforcer) return new WatcherOfChanges(live);
  const message = 'must be a live enforcer. Make one: await createLiveEnforcer(pool, options).';
  throw new InvalidOptionsError([{ code: 'OPTION_INVALID', at: 'live', message }]);
}

/** Whose callback it is that writes. One for all watchers: each such storage makes every promise slower. */
const IN_CALLBACK = new AsyncLocalStorage<WatcherOfChanges>();

class WatcherOfChanges implements LiveWatcher {
  readonly #live: MovedEnforcer;
  readonly #stop: () => void;
  /**
   * The enforcer's own changes of a rule that the live enforcer may not have yet: whether each added or removed it, in
   * the order in which they were made.
   */
  readonly #own = new Map<string, boolean[]>();
  #callback: (change: PolicyChange) => void | Promise<void> = () => {};
  /** Settles when all calls have been made. */
  #calling: Promise<void> = Promise.resolve();
  #waiting: PolicyChange | null = null;
  #isInCall = false;
  #isClosed = false;

  constructor(live: MovedEnforcer) {
    this.#live = live;
    // The enforcer learns of its own write on its own connection. Give it time to report that first.
    this.#stop = live.listen((change) => setImmediate(() => this.#receive(change)));
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

  #receive(change: PolicyChange): void {
    const { reloaded, added, removed } = change;
    const isOwn = (rule: Rule, isAdded: boolean) => this.#own.get(ruleKey(rule))?.includes(isAdded) ?? false;
    const isAllOwn =
      !reloaded && added.every((rule) => isOwn(rule, true)) && removed.every((rule) => isOwn(rule, false));
    if (!isAllOwn) this.#callBack(change);
  }

  /** One call after the other: an enforcer that loads twice at the same time has each rule twice. */
  #callBack(change: PolicyChange): void {
    const isCalling = this.#waiting !== null;
    // A later load also has what changed in the meantime.
    this.#waiting = isCalling ? EVERYTHING : change;
    if (isCalling) return;
    this.#calling = this.#calling.then(async () => {
      const due = this.#waiting ?? change;
      this.#waiting = null;
      if (this.#isClosed) return;
      this.#isInCall = true;
      try {
        await IN_CALLBACK.run(this, () => this.#callback(due));
      } catch (error) {
        this.#live.report(error);
      } finally {
        this.#isInCall = false;
      }
    });
  }

  /** Keeps a change of the enforcer's own until the live enforcer has it too. */
  async #wrote(ptype: string, rules: readonly string[][], isAdded: boolean): Promise<void> {
    // The call may have read the policy before this change. What it writes itself must not cause calls without end.
    if (this.#isInCall && IN_CALLBACK.getStore() !== this) this.#callBack(EVERYTHING);
    const own = rules.map((values): Rule => ({ ptype, values }));
    for (const rule of own) {
      const key = ruleKey(rule);
      this.#own.set(key, [...(this.#own.get(key) ?? []), isAdded]);
    }
    const isKnown = await this.#catchUp();
    // Changes that the live enforcer has reported before are heard first, because they wait for setImmediate too.
    setImmediate(() => {
      const isUndone = own.map((rule) => this.#settle(rule)).includes(true);
      if (isKnown && isUndone) this.#callBack(EVERYTHING);
    });
  }

  /**
   * Removes the oldest of the enforcer's own changes of a rule. Returns whether somebody else undid that change at the
   * same time, so that the live enforcer has seen no change at all; not known if the enforcer has written the rule
   * again since.
   */
  #settle(rule: Rule): boolean {
    const key = ruleKey(rule);
    const [isAdded, ...later] = this.#own.get(key) ?? [];
    if (later.length > 0) this.#own.set(key, later);
    else this.#own.delete(key);
    return later.length === 0 && this.#live.holds(rule) !== isAdded;
  }

  /** Casbin waits for few of the methods below, so they must not reject. The live enforcer reports the error. */
  async #catchUp(look = () => this.#live.lookNow()): Promise<boolean> {
    while (!this.#isClosed && this.#live.state.status !== 'closed') {
      try {
        await look();
        return true;
      } catch {
        // The live enforcer connects again by itself, after a pause.
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

  /** Casbin does not say which rules the filter matched, so the enforcer has to load again. */
  async updateForRemoveFilteredPolicy(): Promise<void> {
    await this.#catchUp();
  }

  /** Casbin waits for this one, so it keeps the process alive. */
  updateForSavePolicy(_model: Model): Promise<boolean> {
    return this.#catchUp(() => this.#live.caughtUp());
  }
}

const EVERYTHING: PolicyChange = { reloaded: true, added: [], removed: [] };
