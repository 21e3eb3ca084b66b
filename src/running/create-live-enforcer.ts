import type { Model } from 'casbin';
import { JOURNAL } from '../../migrations/0003_journal.ts';
import { checkPool, type PoolLike } from '../database/client.ts';
import { LONGEST_TIMER_MS } from '../database/session.ts';
import { ConnectionError, InvalidOptionsError, type Problem } from '../errors.ts';
import { withoutMisshapen } from '../options/resolve.ts';
import { resolveModel } from '../options/resolve-model.ts';
import type { BootstrapOptions, EnforcerOptions } from '../options.ts';
import { createCheckedAdapter, type RuleChecks, UNCHECKED } from '../tables/adapter.ts';
import { reasonOf } from '../text.ts';
import { domainOf } from '../verification/parts.ts';
import { Follower } from './follower.ts';
import type { LiveEnforcer, PolicyChange } from './live-enforcer.ts';
import { Looking, tell } from './looking.ts';
import { ageMs, type Motor, readClocks, toDate } from './motor.ts';
import { MovedEnforcer } from './moved-enforcer.ts';
import { Slice } from './slice.ts';
import { requireFitsModel } from './usable-rules.ts';

/** How a live enforcer follows its database. Every option has a default. */
export interface LiveEnforcerOptions extends EnforcerOptions {
  /**
   * The subject, or the subjects, that requests will be about. The enforcer then loads and follows only the rules that
   * decisions about them can depend on, and a request about anybody else throws `OUT_OF_SLICE`. Default: any subject.
   */
  readonly subject?: string | readonly string[] | undefined;
  /** The same for domains: one or several. Only for models with domains. Default: any domain. */
  readonly domain?: string | readonly string[] | undefined;
  /**
   * How long after its last confirmation it is `stale`, in milliseconds. Default: no limit. It then stays `current`,
   * and only `error` and `confirmedAt` of its `state` show that it can't confirm that it is up to date.
   */
  readonly maxStalenessMs?: number | undefined;
  /** Whether a stale or closed enforcer still decides by the rules that it has, or denies. Default: `decide`. */
  readonly whenStale?: 'decide' | 'deny' | undefined;
  /**
   * How often it looks without being notified, in milliseconds. Default: 5,000, or half of `maxStalenessMs` if that is
   * less.
   */
  readonly pollIntervalMs?: number | undefined;
  /**
   * How long to wait for a client of the pool, in milliseconds; 0 waits without end. Default: 30,000. Later attempts to
   * connect again have the same limit, so that `onError` is called for each, and so has what is written through it.
   */
  readonly connectTimeoutMs?: number | undefined;
  /** The channel on which a bootstrap or another writer notifies of a change. Default: `casbin`. */
  readonly notifyChannel?: string | false | undefined;
  /** Called with each change of the policy, as soon as decisions use it. After a reload, it does not list the rules. */
  readonly onChange?: ((change: PolicyChange) => void) | undefined;
  /**
   * Called each time it could not look at the database, with the reason; once each time it becomes stale
   * (`ENFORCER_STALE`); and with what `onChange` throws. The enforcer goes on by itself.
   */
  readonly onError?: ((error: Error) => void) | undefined;
}

/**
 * An enforcer whose decisions follow the database, without a moment of wrong answers: a request is decided on the
 * policy before a transaction or after it. It keeps one connection of the pool to itself, but not the only session of
 * an embedded database.
 *
 * Use it for an application that keeps running; createEnforcer is for a program that loads once, decides and ends.
 *
 * If the rule table has a journal, it reads only what has changed, and decides on the few rules that a request can
 * match. Without a journal, or with a model for which these rules can't be found (an effect that depends on order or
 * priority, a matcher that begins otherwise, `configureEnforcer`), it reads all rules after every change, and then
 * replaces the old ones.
 *
 * @throws InvalidOptionsError for options that can't be used
 * @throws StoredRuleError for stored rules that do not fit the model (`RULES_DO_NOT_FIT_MODEL`), and as createEnforcer
 * @throws DatabaseError `TABLE_MISSING` if there is no rule table
 * @throws PermissionError with the privileges that have to be granted
 * @throws ConnectionError if there is no connection
 */
export async function createLiveEnforcer(
  pool: PoolLike,
  options: LiveEnforcerOptions | BootstrapOptions = {},
): Promise<LiveEnforcer> {
  const { model, given, slice } = await resolveLiveOptions(pool, options);
  const { maxStalenessMs = Number.POSITIVE_INFINITY, whenStale = 'decide' } = given;
  const { pollIntervalMs = Math.max(50, Math.min(5_000, maxStalenessMs / 2)), notifyChannel = 'casbin' } =
    given;
  const { schema, table, engine, connectTimeoutMs = CONNECT_MS } = given;
  const motor: Motor = {
    confirmed: readClocks(),
    error: null,
    by: 'reload',
    isClosed: false,
    get isStale() {
      return ageMs(motor.confirmed) > maxStalenessMs;
    },
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
  const checks: RuleChecks = { ...UNCHECKED, write: (rules) => requireFitsModel(live.getModel(), rules) };
  const store = createCheckedAdapter(pool, { schema, table, engine }, checks, connectTimeoutMs);
  const live: MovedEnforcer = new MovedEnforcer(motor, whenStale, store, slice);
  live.setAdapter(store);
  const looking = new Looking(model, given, live, motor, slice);
  const follower: Follower = new Follower({
    pool,
    channels: [JOURNAL, ...(notifyChannel === false ? [] : [notifyChannel])],
    pollIntervalMs,
    connectTimeoutMs,
    async look(client) {
      await looking.look(client);
      alarm?.refresh();
    },
    confirm() {
      motor.confirmed = readClocks();
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

/** Reports once each time the enforcer becomes stale. Call `refresh` after each confirmation. */
function startAlarm(motor: Motor, maxStalenessMs: number): NodeJS.Timeout | undefined {
  if (maxStalenessMs > LONGEST_TIMER_MS) return undefined;
  const tell = () => {
    const since = toDate(motor.confirmed).toISOString();
    const reason = motor.error === null ? 'the database has not answered yet' : reasonOf(motor.error);
    const message = `The live enforcer could not confirm since ${since} that it is up to date, which is longer than maxStalenessMs (${maxStalenessMs}): ${reason}. It goes on by itself.`;
    motor.report(new ConnectionError('ENFORCER_STALE', message, { cause: motor.error }));
  };
  return setTimeout(tell, maxStalenessMs).unref();
}

/** How long it waits for a connection by default. */
const CONNECT_MS = 30_000;

async function resolveLiveOptions(
  pool: unknown,
  options: LiveEnforcerOptions | BootstrapOptions,
): Promise<{ model: Model; given: LiveEnforcerOptions; slice: Slice | null }> {
  const { checkLiveShape } = await import('../options/running-shape.ts');
  const misshapen = [...checkPool(pool), ...checkLiveShape(options)];
  const given: LiveEnforcerOptions = withoutMisshapen(options as BootstrapOptions, misshapen);
  const { model, problems } = await resolveModel(given);
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
  // A role manager or a function of the application may follow links in any way.
  return new Slice(model, of, configureEnforcer !== undefined);
}
