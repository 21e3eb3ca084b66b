import { type Assertion, EnforceContext, type Enforcer, getLogger, type Model } from 'casbin';
import { buildInMemoryEnforcer } from '../casbin/enforcer.ts';
import { rulesOf } from '../casbin/model.ts';
import { LONGEST_TIMER_MS } from '../database/session.ts';
import type { Rule } from '../policy/rule.ts';
import type { CasbinAdapter } from '../tables/adapter.ts';
import { asError } from '../text.ts';
import { FixedEnforcer } from './fixed-enforcer.ts';
import { enforcerClosed } from './follower.ts';
import type { LiveEnforcer, LiveState, PolicyChange } from './live-enforcer.ts';
import type { LiveRules, RuleChange } from './live-rules.ts';
import { type Motor, toDate } from './motor.ts';
import type { Slice } from './slice.ts';

/** The class behind LiveEnforcer, with the methods that change its rules. */
export class MovedEnforcer extends FixedEnforcer implements LiveEnforcer {
  readonly #motor: Motor;
  readonly #whenStale: 'decide' | 'deny';
  readonly #store: CasbinAdapter;
  /** Null if rules can't be changed one by one: then each policy has a model of its own. */
  #rules: LiveRules | null = null;
  /** Null for the whole policy. */
  readonly #slice: Slice | null;
  readonly #listeners = new Set<(change: PolicyChange) => void>();
  /** The `p` rules for the decision that is being made. */
  #found: string[][] | null = null;

  constructor(motor: Motor, whenStale: 'decide' | 'deny', store: CasbinAdapter, slice: Slice | null = null) {
    super();
    this.#motor = motor;
    this.#whenStale = whenStale;
    this.#store = store;
    this.#slice = slice;
  }

  get state(): LiveState {
    const { confirmed, by, error, isClosed, isStale } = this.#motor;
    const status = isClosed ? 'closed' : isStale ? 'stale' : 'current';
    return { status, confirmedAt: toDate(confirmed), by, error };
  }

  caughtUp(): Promise<void> {
    // The look may begin after a pause, which does not keep the process alive. The caller has to get an answer.
    const alive = setInterval(() => {}, LONGEST_TIMER_MS);
    return this.lookNow().finally(() => clearInterval(alive));
  }

  /** The same for a caller that need not keep the process alive. */
  lookNow(): Promise<void> {
    return this.#motor.lookNow();
  }

  close(): Promise<void> {
    return this.#motor.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Calls the listener after each change. Returns a function that stops this. */
  listen(listener: (change: PolicyChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Calls the listeners: decisions use the change from now on. */
  announce(change: PolicyChange): void {
    for (const listener of this.#listeners) listener(change);
  }

  /** Reports an error that belongs to no call of the application. */
  report(error: unknown): void {
    this.#motor.report(asError(error));
  }

  /** Whether it has a rule. */
  holds({ ptype, values }: Rule): boolean {
    return this.#has(ptype.charAt(0), ptype, [...values]);
  }

  /** Takes what `configureEnforcer` has switched on or off. The application may change it later. */
  takeSettings(from: Enforcer): void {
    for (const field of ['enabled', 'acceptJsonRequest'] as const) {
      Reflect.set(this, field, Reflect.get(from, field));
    }
  }

  /** Replaces the policy at once. */
  swap(from: Enforcer, rules: LiveRules | null): void {
    const model = from.getModel();
    if (rules !== null) this.#serveFrom(model, rules);
    this.#rules = rules;
    // They are protected, and Casbin has no method that replaces all of them at once.
    for (const field of ['model', 'fm', 'eft', 'rmMap'] as const) {
      Reflect.set(this, field, Reflect.get(from, field));
    }
  }

  /** Changes some rules at once. */
  change(changes: readonly RuleChange[]): void {
    this.#rules?.apply(changes);
  }

  /** Makes the model return all rules; while a decision is made, only those that the request can match. */
  #serveFrom(model: Model, rules: LiveRules): void {
    const assertions: [string, Assertion][] = ['p', 'g'].flatMap((section) => [
      ...(model.model.get(section) ?? []),
    ]);
    for (const [ptype, assertion] of assertions) {
      // A decision reads the rules of `p` only: role links are in the role managers.
      const get = () => this.#found ?? rules.list(ptype);
      Object.defineProperty(assertion, 'policy', { get, set() {}, configurable: true, enumerable: true });
    }
  }

  override async enforce(...request: unknown[]): Promise<boolean> {
    if (this.#rules !== null) return this.enforceSync(...request);
    return !this.#denies(request) && super.enforce(...request);
  }

  override enforceSync(...request: unknown[]): boolean {
    if (this.#denies(request)) return false;
    const rule = this.#decide(request);
    return rule === undefined ? this.#sliced(request, () => super.enforceSync(...request)) : rule !== null;
  }

  override async enforceEx(...request: unknown[]): Promise<[boolean, string[]]> {
    if (this.#rules !== null) return this.enforceExSync(...request);
    return this.#denies(request) ? [false, []] : super.enforceEx(...request);
  }

  override enforceExSync(...request: unknown[]): [boolean, string[]] {
    if (this.#denies(request)) return [false, []];
    const rule = this.#decide(request);
    if (rule === undefined) return this.#sliced(request, () => super.enforceExSync(...request));
    return rule === null ? [false, []] : [true, rule];
  }

  /** Decides all requests on one policy. */
  override async batchEnforce(requests: unknown[]): Promise<boolean[]> {
    if (this.#rules === null) return super.batchEnforce(requests);
    return (requests as unknown[][]).map((request) => this.enforceSync(...request));
  }

  override async enforceWithMatcher(matcher: string, ...request: unknown[]): Promise<boolean> {
    this.#slice?.refuseMatcher();
    if (this.#isRefused) return false;
    if (this.#rules === null) return super.enforceWithMatcher(matcher, ...request);
    return (await this.#pin()).enforceWithMatcher(matcher, ...request);
  }

  override async enforceExWithMatcher(matcher: string, ...request: unknown[]): Promise<[boolean, string[]]> {
    this.#slice?.refuseMatcher();
    if (this.#isRefused) return [false, []];
    if (this.#rules === null) return super.enforceExWithMatcher(matcher, ...request);
    return (await this.#pin()).enforceExWithMatcher(matcher, ...request);
  }

  /**
   * Makes an enforcer with the rules and the settings of this moment, because Casbin waits while it evaluates a given
   * matcher.
   */
  async #pin(): Promise<Enforcer> {
    const { enabled, acceptJsonRequest } = this;
    const pinned = await buildInMemoryEnforcer(this.model, rulesOf(this.model));
    pinned.enableEnforce(enabled);
    pinned.enableAcceptJsonRequest(acceptJsonRequest);
    return pinned;
  }

  /** Decides by the rules alone, if Casbin would decide the same; see {@link LiveRules.decide}. */
  #decide(request: readonly unknown[]): string[] | null | undefined {
    if (this.#rules === null || !this.enabled || this.acceptJsonRequest || getLogger().isEnable())
      return undefined;
    return isTexts(request) ? this.#rules.decide(request) : undefined;
  }

  #sliced<T>(request: readonly unknown[], decide: () => T): T {
    const rules = this.#rules;
    // For a request with other values, such as an object with attributes, the rules can't be found by its values.
    if (rules === null || this.acceptJsonRequest || !isTexts(request)) return decide();
    const found = rules.find(request);
    // The list must not be empty if there are rules: Casbin would evaluate the matcher with empty values. Any rule will
    // do, since none of them matches.
    if (found.length === 0 && rules.any !== null) found.push(rules.any);
    this.#found = found;
    try {
      return decide();
    } finally {
      this.#found = null;
    }
  }

  /** Whether it denies a request without asking the policy. Throws for one about somebody else than its slice. */
  #denies(request: readonly unknown[]): boolean {
    const [context] = request;
    if (context instanceof EnforceContext) this.#slice?.requireInside(request.slice(1), context.rType);
    else this.#slice?.requireInside(request);
    return this.#isRefused;
  }

  get #isRefused(): boolean {
    return this.#whenStale === 'deny' && (this.#motor.isClosed || this.#motor.isStale);
  }

  /** Only catches up, because the policy is always the one of the database. */
  override loadPolicy(): Promise<void> {
    return this.caughtUp();
  }

  /** Writes nothing: the database has the policy already, and writing it would undo later changes by others. */
  override async savePolicy(): Promise<boolean> {
    await this.caughtUp();
    return true;
  }

  // Casbin's management and RBAC functions call these. They write to the database; the policy follows from there.

  protected override addPolicyInternal(sec: string, ptype: string, rule: string[]): Promise<boolean> {
    return this.addPoliciesInternal(sec, ptype, [rule]);
  }

  protected override async addPoliciesInternal(
    sec: string,
    ptype: string,
    rules: string[][],
  ): Promise<boolean> {
    this.#requireHeld(ptype, rules);
    const isNew = () => !rules.some((rule) => this.#has(sec, ptype, rule));
    return this.#writeIf(isNew, () => this.#store.addPolicies(sec, ptype, rules));
  }

  protected override async addPoliciesInternalEx(
    sec: string,
    ptype: string,
    rules: string[][],
  ): Promise<boolean> {
    this.#requireHeld(ptype, rules);
    const isSomeNew = () => !rules.every((rule) => this.#has(sec, ptype, rule));
    return this.#writeIf(isSomeNew, () => this.#store.addPolicies(sec, ptype, rules));
  }

  protected override removePolicyInternal(sec: string, ptype: string, rule: string[]): Promise<boolean> {
    return this.removePoliciesInternal(sec, ptype, [rule]);
  }

  protected override async removePoliciesInternal(
    sec: string,
    ptype: string,
    rules: string[][],
  ): Promise<boolean> {
    this.#requireHeld(ptype, rules);
    const isThere = () => rules.every((rule) => this.#has(sec, ptype, rule));
    return this.#writeIf(isThere, () => this.#store.removePolicies(sec, ptype, rules));
  }

  protected override async removeFilteredPolicyInternal(
    sec: string,
    ptype: string,
    fieldIndex: number,
    fieldValues: string[],
  ): Promise<boolean> {
    this.#slice?.requireWithin(ptype, fieldIndex, fieldValues);
    const isAny = () => this.model.getFilteredPolicy(sec, ptype, fieldIndex, ...fieldValues).length > 0;
    const remove = () => this.#store.removeFilteredPolicy(sec, ptype, fieldIndex, ...fieldValues);
    return this.#writeIf(isAny, remove);
  }

  protected override async updatePolicyInternal(
    sec: string,
    ptype: string,
    oldRule: string[],
    newRule: string[],
  ): Promise<boolean> {
    this.#requireHeld(ptype, [oldRule, newRule]);
    const isThere = () => this.#has(sec, ptype, oldRule);
    return this.#writeIf(isThere, () => this.#store.updatePolicy(sec, ptype, oldRule, newRule));
  }

  #requireHeld(ptype: string, rules: readonly string[][]): void {
    this.#slice?.requireHeld(rules.map((values) => ({ ptype, values })));
  }

  #has(sec: string, ptype: string, values: string[]): boolean {
    return this.#rules?.has({ ptype, values }) ?? this.model.hasPolicy(sec, ptype, values);
  }

  /** Before it says that there is nothing to write, it looks: others may have written what it has not read yet. */
  async #writeIf(isNeeded: () => boolean, write: () => Promise<void>): Promise<boolean> {
    if (!isNeeded()) {
      await this.caughtUp();
      if (!isNeeded()) return false;
    }
    if (this.#motor.isClosed) throw enforcerClosed();
    await write();
    await this.caughtUp().catch((error: unknown) => {
      // It is stored, although this enforcer, which was closed meanwhile, does not read it any more.
      if (!this.#motor.isClosed) throw error;
    });
    return true;
  }
}

function isTexts(request: readonly unknown[]): request is readonly string[] {
  for (const value of request) if (typeof value !== 'string') return false;
  return true;
}
