import { type Assertion, EnforceContext, Enforcer, getLogger, type Model } from 'casbin';
import { buildInMemoryEnforcer } from '../casbin/enforcer.ts';
import type { Rule } from '../policy/rule.ts';
import type { CasbinAdapter } from '../tables/adapter.ts';
import type { LiveRules, RuleChange } from './live-rules.ts';
import type { Slice } from './slice.ts';

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

/** What moves a live enforcer. */
export interface Motor {
  /** When the last look that succeeded began, by `performance.now()`. */
  confirmedMs: number;
  error: Error | null;
  by: LiveState['by'];
  isClosed: boolean;
  report(error: Error): void;
  lookNow(): Promise<void>;
  close(): Promise<void>;
}

/** How a live enforcer behaves when it is not up to date. */
export interface Staleness {
  readonly maxStalenessMs: number;
  readonly whenStale: 'decide' | 'deny';
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

/** The enforcer behind that interface, and how it is moved. */
export class MovedEnforcer extends Enforcer implements LiveEnforcer {
  readonly #motor: Motor;
  readonly #staleness: Staleness;
  readonly #store: CasbinAdapter;
  /** Null where rules can't be changed one by one: then each policy is a model of its own. */
  #rules: LiveRules | null = null;
  /** Null for the whole policy. */
  readonly #slice: Slice | null;
  readonly #listeners = new Set<(change: PolicyChange) => void>();
  /** The `p` rules for the decision that is being made. */
  #found: string[][] | null = null;

  constructor(motor: Motor, staleness: Staleness, store: CasbinAdapter, slice: Slice | null = null) {
    super();
    this.#motor = motor;
    this.#staleness = staleness;
    this.#store = store;
    this.#slice = slice;
  }

  get state(): LiveState {
    const { confirmedMs, by, error, isClosed } = this.#motor;
    const status = isClosed ? 'closed' : this.#isStale ? 'stale' : 'current';
    return { status, confirmedAt: new Date(performance.timeOrigin + confirmedMs), by, error };
  }

  caughtUp(): Promise<void> {
    return this.#motor.lookNow();
  }

  close(): Promise<void> {
    return this.#motor.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Tells a listener of each change that is decided on; returns how to stop it. */
  listen(listener: (change: PolicyChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** A change is decided on from now on. */
  announce(change: PolicyChange): void {
    for (const listener of this.#listeners) listener(change);
  }

  /** Tells the application of an error that belongs to nobody's call. */
  report(error: unknown): void {
    this.#motor.report(error instanceof Error ? error : new Error(String(error)));
  }

  /** Whether it has a rule. */
  holds({ ptype, values }: Rule): boolean {
    return this.#has(ptype.charAt(0), ptype, [...values]);
  }

  /** Puts another policy in the place of the one that there is, at once. */
  swap(from: Enforcer, rules: LiveRules | null): void {
    const model = from.getModel();
    if (rules !== null) this.#serveFrom(model, rules);
    this.#rules = rules;
    // Casbin keeps them protected, and offers no way to exchange all of them at once.
    for (const field of ['model', 'fm', 'eft', 'rmMap'] as const) {
      Reflect.set(this, field, Reflect.get(from, field));
    }
  }

  /** Changes some rules, at once. */
  change(changes: readonly RuleChange[]): void {
    this.#rules?.apply(changes);
  }

  /** Whoever asks the model for its rules gets all of them; while a decision is made, those that it can match. */
  #serveFrom(model: Model, rules: LiveRules): void {
    const assertions: [string, Assertion][] = ['p', 'g'].flatMap((section) => [
      ...(model.model.get(section) ?? []),
    ]);
    for (const [ptype, assertion] of assertions) {
      const get = () => (ptype === 'p' && this.#found !== null ? this.#found : rules.list(ptype));
      Object.defineProperty(assertion, 'policy', { get, set() {}, configurable: true, enumerable: true });
    }
  }

  override async enforce(...request: unknown[]): Promise<boolean> {
    this.#requireInside(request);
    if (this.#isRefused) return false;
    return this.#rules === null ? super.enforce(...request) : this.enforceSync(...request);
  }

  override enforceSync(...request: unknown[]): boolean {
    this.#requireInside(request);
    if (this.#isRefused) return false;
    const rule = this.#decide(request);
    return rule === undefined ? this.#sliced(request, () => super.enforceSync(...request)) : rule !== null;
  }

  override async enforceEx(...request: unknown[]): Promise<[boolean, string[]]> {
    this.#requireInside(request);
    if (this.#isRefused) return [false, []];
    return this.#rules === null ? super.enforceEx(...request) : this.enforceExSync(...request);
  }

  override enforceExSync(...request: unknown[]): [boolean, string[]] {
    this.#requireInside(request);
    if (this.#isRefused) return [false, []];
    const rule = this.#decide(request);
    if (rule === undefined) return this.#sliced(request, () => super.enforceExSync(...request));
    return rule === null ? [false, []] : [true, rule];
  }

  /** Decides all of them on one policy. */
  override async batchEnforce(requests: unknown[]): Promise<boolean[]> {
    for (const request of requests as unknown[][]) this.#requireInside(request);
    if (this.#isRefused) return requests.map(() => false);
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

  /** An enforcer with the rules of this moment: Casbin evaluates a given matcher step by step, on all of them. */
  #pin(): Promise<Enforcer> {
    const rules = [...(this.model.model.get('p') ?? []), ...(this.model.model.get('g') ?? [])].flatMap(
      ([ptype, { policy }]) => policy.map((values) => ({ ptype, values })),
    );
    return buildInMemoryEnforcer(this.model, rules);
  }

  /** By the rules alone, where that is what Casbin would say; see {@link LiveRules.decide}. */
  #decide(request: readonly unknown[]): string[] | null | undefined {
    if (this.#rules === null || !this.enabled || this.acceptJsonRequest || getLogger().isEnable())
      return undefined;
    return isTexts(request) ? this.#rules.decide(request) : undefined;
  }

  #sliced<T>(request: readonly unknown[], decide: () => T): T {
    const rules = this.#rules;
    // What else a request may be, such as an object with attributes, says nothing about the rules that it can match.
    if (rules === null || this.acceptJsonRequest || !isTexts(request)) return decide();
    const found = rules.find(request);
    // Never an empty list where there are rules: Casbin evaluates the matcher once then, with empty values. Any rule
    // will do, since none of them matches.
    if (found.length === 0 && rules.any !== null) found.push(rules.any);
    this.#found = found;
    try {
      return decide();
    } finally {
      this.#found = null;
    }
  }

  #requireInside(request: readonly unknown[]): void {
    if (this.#slice === null) return;
    const [context] = request;
    if (context instanceof EnforceContext) this.#slice.requireInside(request.slice(1), context.rType);
    else this.#slice.requireInside(request);
  }

  get #isStale(): boolean {
    return performance.now() - this.#motor.confirmedMs > this.#staleness.maxStalenessMs;
  }

  get #isRefused(): boolean {
    return this.#staleness.whenStale === 'deny' && (this.#motor.isClosed || this.#isStale);
  }

  /** The policy is always the one of the database. */
  override loadPolicy(): Promise<void> {
    return this.caughtUp();
  }

  /** The database has it already: to write it again would take back what others have written since. */
  override async savePolicy(): Promise<boolean> {
    await this.caughtUp();
    return true;
  }

  /** They follow the policy. */
  override async buildRoleLinks(): Promise<void> {}
  override async buildIncrementalRoleLinks(): Promise<void> {}

  // What would leave it with another policy than the database has.

  override clearPolicy(): never {
    throw refusal('clearPolicy', 'remove the rules, as by removePolicies');
  }

  override async loadFilteredPolicy(): Promise<never> {
    throw refusal('loadFilteredPolicy', 'use createEnforcer for a part');
  }

  override async loadIncrementalFilteredPolicy(): Promise<never> {
    throw refusal('loadIncrementalFilteredPolicy', 'use createEnforcer for a part');
  }

  override setModel(): never {
    throw refusal('setModel', 'make another one, with that model');
  }

  override loadModel(): never {
    throw refusal('loadModel', 'make another one, with that model');
  }

  // What decides otherwise than the model says: it would be lost with the next policy that is swapped in.

  override setEffector(): never {
    throw refusal('setEffector', CONFIGURE);
  }

  override setRoleManager(): never {
    throw refusal('setRoleManager', CONFIGURE);
  }

  override setNamedRoleManager(): never {
    throw refusal('setNamedRoleManager', CONFIGURE);
  }

  override async addNamedMatchingFunc(): Promise<never> {
    throw refusal('addNamedMatchingFunc', CONFIGURE);
  }

  override async addNamedDomainMatchingFunc(): Promise<never> {
    throw refusal('addNamedDomainMatchingFunc', CONFIGURE);
  }

  override async addFunction(): Promise<never> {
    throw refusal('addFunction', CONFIGURE);
  }

  // What Casbin's management and RBAC functions write: into the database first, and from there into the policy.

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
    if (!(await this.#isSo(isNew))) return false;
    return this.#write(() => this.#store.addPolicies(sec, ptype, rules));
  }

  protected override async addPoliciesInternalEx(
    sec: string,
    ptype: string,
    rules: string[][],
  ): Promise<boolean> {
    this.#requireHeld(ptype, rules);
    const findNew = () => rules.filter((rule) => !this.#has(sec, ptype, rule));
    if (!(await this.#isSo(() => findNew().length > 0))) return false;
    return this.#write(() => this.#store.addPolicies(sec, ptype, findNew()));
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
    if (!(await this.#isSo(isThere))) return false;
    return this.#write(() => this.#store.removePolicies(sec, ptype, rules));
  }

  protected override async removeFilteredPolicyInternal(
    sec: string,
    ptype: string,
    fieldIndex: number,
    fieldValues: string[],
  ): Promise<boolean> {
    this.#slice?.requireWithin(ptype, fieldIndex, fieldValues);
    const isAny = () => this.model.getFilteredPolicy(sec, ptype, fieldIndex, ...fieldValues).length > 0;
    if (!(await this.#isSo(isAny))) return false;
    return this.#write(() => this.#store.removeFilteredPolicy(sec, ptype, fieldIndex, ...fieldValues));
  }

  protected override async updatePolicyInternal(
    sec: string,
    ptype: string,
    oldRule: string[],
    newRule: string[],
  ): Promise<boolean> {
    this.#requireHeld(ptype, [oldRule, newRule]);
    if (!(await this.#isSo(() => this.#has(sec, ptype, oldRule)))) return false;
    return this.#write(() => this.#store.updatePolicy(sec, ptype, oldRule, newRule));
  }

  #requireHeld(ptype: string, rules: readonly string[][]): void {
    this.#slice?.requireHeld(rules.map((values) => ({ ptype, values })));
  }

  #has(sec: string, ptype: string, values: string[]): boolean {
    return this.#rules?.has({ ptype, values }) ?? this.model.hasPolicy(sec, ptype, values);
  }

  /** Before it says that there is nothing to write, it looks: others may have written what it has not read yet. */
  async #isSo(isSo: () => boolean): Promise<boolean> {
    if (isSo()) return true;
    await this.caughtUp();
    return isSo();
  }

  async #write(write: () => Promise<void>): Promise<true> {
    await write();
    await this.caughtUp();
    return true;
  }
}

const CONFIGURE = 'give createLiveEnforcer a configureEnforcer that does it';

function isTexts(request: readonly unknown[]): request is readonly string[] {
  for (const value of request) if (typeof value !== 'string') return false;
  return true;
}

function refusal(name: string, remedy: string): Error {
  return new Error(
    `a live enforcer has the policy of the database and no other, so ${name} is refused; ${remedy}`,
  );
}
