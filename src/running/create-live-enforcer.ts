import type { Enforcer, Model } from 'casbin';
import { JOURNAL } from '../../migrations/0003_journal.ts';
import { buildInMemoryEnforcer } from '../casbin/enforcer.ts';
import { ruleLengthsOf } from '../casbin/model.ts';
import { patternCheck, refuseHangingPatterns } from '../casbin/patterns.ts';
import type { StoredRule } from '../casbin/rule-row.ts';
import { isSameList } from '../collections.ts';
import { type ClientLike, checkPool, type PoolLike } from '../database/client.ts';
import { createKysely } from '../database/dialect.ts';
import { engineNamed } from '../database/engine.ts';
import { asClient } from '../database/own-queries.ts';
import { Session } from '../database/session.ts';
import { inReadOnlyTransaction } from '../database/transaction.ts';
import { ConnectionError, InvalidOptionsError, type Problem, StoredRuleError } from '../errors.ts';
import { explainPrivileges } from '../failure/explain-privileges.ts';
import { withoutMisshapen } from '../options/resolve.ts';
import { resolveModel } from '../options/resolve-model.ts';
import type { BootstrapOptions, EnforcerOptions } from '../options.ts';
import { formatRule, type Rule } from '../policy/rule.ts';
import { RuleSet } from '../policy/rule-set.ts';
import { createAdapter } from '../tables/adapter.ts';
import { findRuleTable, toTableChoice } from '../tables/find-rule-table.ts';
import { readLivePolicy } from '../tables/live-policy.ts';
import { tableMissing } from '../tables/refusals.ts';
import { type RuleTable, USUAL_NAMES } from '../tables/rule-table.ts';
import { reasonOf } from '../text.ts';
import { domainOf } from '../verification/parts.ts';
import { followJournal, isJournaled, type Position, readPosition } from './follow-journal.ts';
import { Follower } from './follower.ts';
import { type LiveEnforcer, type Motor, MovedEnforcer, type PolicyChange } from './live-enforcer.ts';
import { canChangeInPlace, LiveRules, OutOfStep, type RuleChange } from './live-rules.ts';
import { Slice } from './slice.ts';

/** How a live enforcer follows its database; all of it has a default. */
export interface LiveEnforcerOptions extends EnforcerOptions {
  /**
   * Whom it is asked about, one or several: it then loads and follows only the rules that decisions about them can
   * depend on, and requests about others throw `OUT_OF_SLICE`. Default: anybody.
   */
  readonly subject?: string | readonly string[];
  /** In which domains it is asked, one or several, likewise; for models with domains. Default: any. */
  readonly domain?: string | readonly string[];
  /**
   * For how long it may not have confirmed that it is up to date, in milliseconds, before it is `stale`. Default: without
   * end: it is `current` then, and only `error` and `confirmedAt` of its `state` tell that it can't confirm.
   */
  readonly maxStalenessMs?: number;
  /** What a stale enforcer, or a closed one, answers: what it has, or no. Default: `decide`. */
  readonly whenStale?: 'decide' | 'deny';
  /** How often it looks without being notified, in milliseconds. Default: 5,000, or half of `maxStalenessMs`. */
  readonly pollIntervalMs?: number;
  /**
   * How long to wait for a client of the pool, in milliseconds; 0 waits without end. Default: 30,000. Later attempts to
   * connect again have the same limit, so that `onError` is told of each.
   */
  readonly connectTimeoutMs?: number;
  /** Where a bootstrap or another writer notifies of a change, as for a bootstrap. Default: `casbin`. */
  readonly notifyChannel?: string | false;
  /** Is told of each change of the policy, when it is decided on; by a reload, without the rules. */
  readonly onChange?: (change: PolicyChange) => void;
  /**
   * Is told why it could not look, each time; once that it is stale (`ENFORCER_STALE`), each time when it becomes so; and
   * what `onChange` throws. It goes on by itself.
   */
  readonly onError?: (error: Error) => void;
}

/**
 * An enforcer whose decisions follow the database, without a moment of wrong answers: a request is decided on the policy
 * before a transaction or after it. It keeps one connection of the pool to itself.
 *
 * It is for an application that runs on; createEnforcer is for what loads once, decides and ends.
 *
 * Where the rule table has a journal, only what has changed is read, and decisions are made on the few rules that a
 * request can match, or by these alone where Casbin would say the same. Without a journal, or with a model whose rules
 * can't be told apart like that (an effect of order or priority, a matcher that begins otherwise, `configureEnforcer`),
 * every change has all rules read aside and swapped in.
 *
 * @throws InvalidOptionsError for options that can't be used
 * @throws StoredRuleError for stored rules that do not fit the model (`RULES_DO_NOT_FIT_MODEL`), and as createEnforcer
 * @throws DatabaseError `TABLE_MISSING` where there is no rule table
 * @throws PermissionError with what has to be granted
 * @throws ConnectionError where there is no connection
 */
export async function createLiveEnforcer(
  pool: PoolLike,
  options: LiveEnforcerOptions | BootstrapOptions = {},
): Promise<LiveEnforcer> {
  const { model, given, slice } = await resolveOptions(pool, options);
  const { maxStalenessMs = Number.POSITIVE_INFINITY, whenStale = 'decide' } = given;
  const { pollIntervalMs = Math.max(50, Math.min(5_000, maxStalenessMs / 2)), notifyChannel = 'casbin' } =
    given;
  const { schema, table, engine } = given;
  const motor: Motor = {
    confirmedMs: performance.now(),
    error: null,
    by: 'reload',
    isClosed: false,
    report: (error) =>
      tell(
        () => given.onError?.(error),
        () => {},
      ),
    lookNow: () => follower.lookNow(),
    async close() {
      motor.isClosed = true;
      clearTimeout(alarm);
      await follower.close();
    },
  };
  const store = createAdapter(pool, { schema, table, engine });
  const live = new MovedEnforcer(motor, { maxStalenessMs, whenStale }, store, slice);
  live.setAdapter(store);
  const looking = new Looking(model, given, live, motor, slice);
  const follower: Follower = new Follower({
    pool,
    channels: [JOURNAL, ...(notifyChannel === false ? [] : [notifyChannel])],
    pollIntervalMs,
    connectTimeoutMs: given.connectTimeoutMs ?? CONNECT_MS,
    async look(client) {
      await looking.look(client);
      alarm?.refresh();
    },
    onError(error) {
      motor.error = error;
      motor.report(error);
    },
  });
  const alarm = startAlarm(motor, maxStalenessMs);
  await follower.start().catch((error: unknown) => {
    clearTimeout(alarm);
    throw error;
  });
  return live;
}

/** The longest time of Node's timers. */
const LONGEST_TIMER_MS = 2_147_483_647;

/** Reports once that it is stale, each time when it becomes so; `refresh` it when it has confirmed that it is not. */
function startAlarm(motor: Motor, maxStalenessMs: number): NodeJS.Timeout | undefined {
  if (maxStalenessMs > LONGEST_TIMER_MS) return undefined;
  const tell = () => {
    const since = new Date(performance.timeOrigin + motor.confirmedMs).toISOString();
    const reason = motor.error === null ? 'the database has not answered yet' : reasonOf(motor.error);
    const message = `The live enforcer could not confirm since ${since} that it is up to date, which is longer than maxStalenessMs (${maxStalenessMs}): ${reason}. It goes on by itself.`;
    motor.report(new ConnectionError('ENFORCER_STALE', message, { cause: motor.error }));
  };
  return setTimeout(tell, maxStalenessMs).unref();
}

/** So long it waits for a connection, unless it is told. */
const CONNECT_MS = 30_000;

async function resolveOptions(
  pool: unknown,
  options: LiveEnforcerOptions | BootstrapOptions,
): Promise<{ model: Model; given: LiveEnforcerOptions; slice: Slice | null }> {
  const { checkLiveShape } = await import('../options/running-shape.ts');
  const misshapen = [...checkPool(pool), ...checkLiveShape(options)];
  const { model, problems } = await resolveModel(withoutMisshapen(options as BootstrapOptions, misshapen));
  const given = options as LiveEnforcerOptions;
  const all = [...misshapen, ...problems, ...(model === null ? [] : findMissingDomain(model, given))];
  if (model === null || all.length > 0) throw new InvalidOptionsError(all);
  return { model, given, slice: toSlice(model, given) };
}

function findMissingDomain(model: Model, { domain }: LiveEnforcerOptions): Problem[] {
  if (domain === undefined || domainOf(model) !== null) return [];
  const message =
    'the requests of the model have no domain: no value that g is called with last, and none that is called dom. Leave it out, or give a model with domains.';
  return [{ code: 'OPTION_INVALID', at: 'domain', message }];
}

function toSlice(model: Model, { subject, domain, configureEnforcer }: LiveEnforcerOptions): Slice | null {
  if (subject === undefined && domain === undefined) return null;
  const namesOf = (given: string | readonly string[] | undefined) =>
    given === undefined ? null : [given].flat();
  const of = { subjects: namesOf(subject), domains: namesOf(domain) };
  // A role manager or a function of the application's may follow links as it likes.
  return new Slice(model, of, configureEnforcer !== undefined);
}

/** What a live enforcer knows between two looks. */
class Looking {
  readonly #model: Model;
  readonly #options: LiveEnforcerOptions;
  readonly #live: MovedEnforcer;
  readonly #motor: Motor;
  readonly #slice: Slice | null;
  readonly #changesInPlace: boolean;
  #table: RuleTable | null = null;
  /** Null where there is no journal, or it is of no use. */
  #position: Position | null = null;
  /** The rules that were read last, to tell whether others are there; not kept where there is a journal. */
  #rules: readonly Rule[] | null = null;

  constructor(
    model: Model,
    options: LiveEnforcerOptions,
    live: MovedEnforcer,
    motor: Motor,
    slice: Slice | null,
  ) {
    this.#model = model;
    this.#options = options;
    this.#live = live;
    this.#motor = motor;
    this.#slice = slice;
    this.#changesInPlace = options.configureEnforcer === undefined && canChangeInPlace(model);
  }

  async look(client: ClientLike): Promise<void> {
    const began = performance.now();
    const isFirst = this.#table === null;
    const change = await this.#follow(client).catch((error: unknown) => {
      if (error instanceof OutOfStep) return null;
      return this.#explain(error, client);
    });
    const told = change ?? (await this.#reload(client).catch((error) => this.#explain(error, client)));
    this.#motor.confirmedMs = began;
    this.#motor.error = null;
    if (told !== 'unchanged' && !isFirst) this.#tell(told);
  }

  async #explain(error: unknown, client: ClientLike): Promise<never> {
    const { schema, table } = this.#options;
    const { name } = toTableChoice(table);
    const select = [...(name === undefined ? USUAL_NAMES : [name]), JOURNAL];
    throw await explainPrivileges(error, client, 'follow the policy', { schema, select });
  }

  #tell(change: PolicyChange): void {
    this.#live.announce(change);
    tell(
      () => this.#options.onChange?.(change),
      (error) => this.#motor.report(error),
    );
  }

  /** Reads and makes the difference; null where everything has to be read. */
  async #follow(client: ClientLike): Promise<PolicyChange | 'unchanged' | null> {
    if (this.#table === null || this.#position === null) return null;
    const { changes: all, position } = await followJournal(client, this.#table, this.#position);
    const changes = this.#slice === null ? all : this.#slice.select(all);
    if (changes === null) return null;
    if (changes.length > 0) {
      if (!this.#changesInPlace) return null;
      await requireFit(this.#model, changes);
      this.#live.change(changes);
    }
    this.#position = position;
    if (changes.length === 0) return 'unchanged';
    const of = (isAdded: boolean) => changes.filter(({ rows }) => rows > 0 === isAdded).map(toRule);
    return { reloaded: false, added: of(true), removed: of(false) };
  }

  /** Reads everything, in one moment of the database, and puts it in the place of what was there. */
  async #reload(client: ClientLike): Promise<PolicyChange | 'unchanged'> {
    const { schema, table: choice, engine } = this.#options;
    const read = await inReadOnlyTransaction(createKysely(new Session(client)), async (trx) => {
      const found = await findRuleTable(
        asClient(trx),
        schema,
        toTableChoice(choice),
        engine === undefined ? undefined : engineNamed(engine),
      );
      if (found.isMissing) throw tableMissing(found.table.sql);
      const isRecorded = await isJournaled(asClient(trx), found.table);
      const position = isRecorded ? await readPosition(asClient(trx), found.table) : null;
      const scope = this.#slice?.scope ?? { kind: 'whole' };
      const rules = await readLivePolicy(trx, found.table, scope, new RuleSet([]), () => {});
      return { table: found.table, position, rules };
    });
    await requireFit(this.#model, read.rules, read.table);
    const isSame = this.#rules !== null && isSameRules(this.#rules, read.rules);
    if (!isSame) await this.#swap(read.rules);
    this.#slice?.take(read.rules);
    this.#table = read.table;
    this.#position = read.position;
    this.#rules = read.position === null ? read.rules : null;
    this.#motor.by = read.position === null || !this.#changesInPlace ? 'reload' : 'journal';
    return isSame ? 'unchanged' : { reloaded: true, added: [], removed: [] };
  }

  async #swap(stored: readonly StoredRule[]): Promise<void> {
    if (!this.#changesInPlace) {
      const next = await buildInMemoryEnforcer(this.#model, stored, this.#options.configureEnforcer);
      this.#live.swap(next, null);
      return;
    }
    const empty: Enforcer = await buildInMemoryEnforcer(this.#model, []);
    const rules = new LiveRules(empty.getModel());
    rules.apply(stored.map(({ ptype, values }) => ({ ptype, values, rows: 1 })));
    this.#live.swap(empty, rules);
  }
}

/** Without these rules, or with them cut to length, it would decide something else; with others, it would throw or hang. */
async function requireFit(
  model: Model,
  rules: readonly (Rule & Partial<StoredRule>)[],
  table?: RuleTable,
): Promise<void> {
  const lengths = ruleLengthsOf(model);
  const findFault = patternCheck(model);
  const isFit = (rule: Rule) => lengths.get(rule.ptype) === rule.values.length && findFault(rule) === null;
  const misfits = rules.filter((rule) => !isFit(rule));
  if (misfits.length === 0) return refuseHangingPatterns(model, rules, table);
  const ids = misfits.flatMap(({ id }) => id ?? []);
  const shown = misfits.slice(0, 3).map((rule) => {
    const fault = findFault(rule);
    return `"${formatRule(rule)}"${fault === null ? '' : `: ${fault}`}`;
  });
  const remedy = table === undefined || ids.length === 0 ? '' : ` ${table.selectRows(ids.slice(0, 10))}`;
  throw new StoredRuleError(
    `${misfits.length} of ${rules.length} stored rules do not fit the model (${shown.join(', ')}), so it would not decide as they say. Give the model that the database was bootstrapped with, or correct or delete these rows.${remedy}`,
    ids,
    'RULES_DO_NOT_FIT_MODEL',
  );
}

function isSameRules(one: readonly Rule[], other: readonly Rule[]): boolean {
  return (
    one.length === other.length &&
    one.every(({ ptype, values }, index) => {
      const rule = other[index];
      return rule?.ptype === ptype && isSameList(rule.values, values);
    })
  );
}

function toRule({ ptype, values }: RuleChange): Rule {
  return { ptype, values };
}

/** What a listener throws, or rejects with, is its own fault, and must not stop the enforcer. */
function tell(listener: () => unknown, refer: (error: Error) => void): void {
  const fail = (error: unknown) => refer(error instanceof Error ? error : new Error(String(error)));
  try {
    Promise.resolve(listener()).catch(fail);
  } catch (error) {
    fail(error);
  }
}
