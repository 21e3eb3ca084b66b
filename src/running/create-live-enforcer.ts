import type { Model } from 'casbin';
import { JOURNAL } from '../../migrations/0003_journal.ts';
import { checkPool, type PoolLike } from '../database/client.ts';
import { ConnectionError, InvalidOptionsError, type Problem } from '../errors.ts';
import { withoutMisshapen } from '../options/resolve.ts';
import { resolveModel } from '../options/resolve-model.ts';
import type { BootstrapOptions, EnforcerOptions } from '../options.ts';
import { createAdapter } from '../tables/adapter.ts';
import { reasonOf } from '../text.ts';
import { domainOf } from '../verification/parts.ts';
import { Follower } from './follower.ts';
import type { LiveEnforcer, PolicyChange } from './live-enforcer.ts';
import { Looking, tell } from './looking.ts';
import { type Motor, MovedEnforcer } from './moved-enforcer.ts';
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
