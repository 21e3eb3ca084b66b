import { bootstrapResolved } from './bootstrap.ts';
import type { BootstrapReport } from './bootstrap-report.ts';
import { checkPool, type PoolLike } from './database/client.ts';
import { BootstrapError, ConnectionError, InvalidOptionsError } from './errors.ts';
import { explainFailure } from './failure/explain-failure.ts';
import { type LoggerLike, logError, withFields } from './logger.ts';
import { completeOptions } from './options/resolve.ts';
import { inSchema, type ResolvedOptions } from './options/resolved-options.ts';
import type { BootstrapOptions } from './options.ts';
import type { Arrival, OwnPool, Tenant } from './tenants-input.ts';
import { reasonOf } from './text.ts';

/** The options for all tenants. Each tenant has its own schema: a schema that is given here is not used. */
export interface TenantsOptions extends Omit<BootstrapOptions, 'schema'> {
  /**
   * How many tenants are bootstrapped at a time, each on one connection. If a shared pool has fewer, tenants wait for
   * it. Default: 4.
   */
  readonly concurrency?: number | undefined;
}

/** The result for one tenant. */
export type TenantReport = {
  /** The name of the tenant. */
  readonly name: string;
  /** From its turn to its end in milliseconds, including the making and ending of its pool. */
  readonly durationMs: number;
} & (
  | {
      /** Its bootstrap was committed, or had nothing to do. */
      readonly status: 'bootstrapped';
      /** The report of its bootstrap. */
      readonly report: BootstrapReport;
    }
  | {
      /** Nothing was changed for it, unless `error` says otherwise. */
      readonly status: 'failed';
      /** The error that bootstrapDatabase throws for this tenant alone. */
      readonly error: BootstrapError;
    }
);

/** The result for all tenants. */
export interface TenantsReport {
  /** Whether none has failed. */
  readonly ok: boolean;
  /** How many tenants there were. */
  readonly total: number;
  /** How many of them were bootstrapped. */
  readonly succeeded: number;
  /** How many of them failed. */
  readonly failed: number;
  /** How many tenants were changed; with `dryRun`, would be changed. */
  readonly changed: number;
  /** In the order in which they were given. */
  readonly tenants: readonly TenantReport[];
  /** From the call to the end of the last tenant, in milliseconds. */
  readonly durationMs: number;
}

/** The async iterable of tenants threw. The tenants before that were bootstrapped; `report` has their results. */
export class TenantSourceError extends BootstrapError {
  /** The results of the tenants that were read. */
  readonly report: TenantsReport;

  constructor(cause: unknown, report: TenantsReport) {
    const { succeeded, failed } = report;
    super(
      'TENANTS_UNREADABLE',
      `Not all tenants could be read: ${reasonOf(cause)}. Of the tenants read before, ${succeeded} succeeded and ${failed} failed. Fix the source of the tenants and run it again, which is safe.`,
      { cause },
    );
    this.report = report;
  }
}

const DEFAULT_CONCURRENCY = 4;

/**
 * Bootstraps many tenants, each as bootstrapDatabase does, several at a time: a schema for each in one database, or a
 * database for each. Each tenant is all or nothing by itself. A tenant that fails does not affect the others; the
 * report has its error, and `ok` says whether none has failed.
 *
 * The options and the policy are checked once. A list is checked as a whole before any database is touched. An async
 * iterable is read when there is room for another tenant; a tenant in it that is not valid, or comes twice, fails
 * alone.
 *
 * @example
 * const report = await bootstrapTenants(schemas.map((schema) => ({ name: schema, schema, pool })), { policy });
 *
 * @throws InvalidOptionsError for anything wrong with the options or a list of tenants, before any database is
 *   touched
 * @throws TenantSourceError when an async iterable throws, with the report of the tenants that it gave before
 */
export async function bootstrapTenants(
  tenants: Iterable<Tenant> | AsyncIterable<Tenant>,
  options: TenantsOptions = {},
): Promise<TenantsReport> {
  const started = performance.now();
  // Loaded only by applications with tenants.
  const [{ default: pMap }, { checkTenantsOptions, TenantSource }] = await Promise.all([
    import('p-map'),
    import('./tenants-input.ts'),
  ]);
  const source = new TenantSource(tenants);
  const shared = await completeOptions(options, [...source.problems, ...checkTenantsOptions(options)]);
  const { concurrency = DEFAULT_CONCURRENCY } = options;
  const turns = new PoolTurns();
  const reports = await pMap(source.read(), (arrival) => runTenant(arrival, shared, turns), { concurrency });

  const report = summarizeTenants(reports, performance.now() - started);
  const { total, succeeded, failed, changed, durationMs } = report;
  shared.logger.info(
    { event: 'tenants_completed', total, succeeded, failed, changed, durationMs },
    'Tenants completed',
  );
  if (source.failure !== null) throw new TenantSourceError(source.failure.thrown, report);
  return report;
}

/** Counts the results of the tenants. */
function summarizeTenants(tenants: readonly TenantReport[], durationMs: number): TenantsReport {
  const failed = tenants.filter(({ status }) => status === 'failed').length;
  return {
    ok: failed === 0,
    total: tenants.length,
    succeeded: tenants.length - failed,
    failed,
    changed: tenants.filter((tenant) => tenant.status === 'bootstrapped' && tenant.report.changed).length,
    tenants,
    durationMs,
  };
}

/** Bootstraps one tenant with the options of all. Never rejects: a failure is in the result. */
async function runTenant(arrival: Arrival, shared: ResolvedOptions, turns: PoolTurns): Promise<TenantReport> {
  const { name } = arrival;
  const logger = withFields(shared.logger, { tenant: name });
  const progress = shared.progress.of({ tenant: name });
  const started = performance.now();
  try {
    const report = await bootstrapTenant(arrival, { ...shared, logger, progress }, turns);
    const durationMs = performance.now() - started;
    logger.info(
      { event: 'tenant_bootstrapped', changed: report.changed, durationMs },
      shared.dryRun ? 'Tenant would be bootstrapped' : 'Tenant bootstrapped',
    );
    return { name, status: 'bootstrapped', report, durationMs };
  } catch (thrown) {
    const error = await explainFailure(thrown, shared, null);
    const durationMs = performance.now() - started;
    // Not the error itself: a log would show its causes and its report too.
    logError(
      logger,
      { event: 'tenant_failed', code: error.code, reason: error.message, durationMs },
      'Tenant failed',
    );
    return { name, status: 'failed', error, durationMs };
  }
}

async function bootstrapTenant(
  { tenant, problems }: Arrival,
  options: ResolvedOptions,
  turns: PoolTurns,
): Promise<BootstrapReport> {
  if (problems.length > 0) throw new InvalidOptionsError(problems);
  return withTenantPool(tenant, options.logger, turns, async (pool) => {
    const started = performance.now();
    const outcome = await bootstrapResolved(pool, inSchema(options, tenant.schema));
    return { ...outcome, durationMs: performance.now() - started };
  });
}

/** Runs `work` with the pool of a tenant. A pool that was made for the tenant is always ended afterwards. */
async function withTenantPool<T>(
  tenant: Tenant,
  logger: LoggerLike,
  turns: PoolTurns,
  work: (pool: PoolLike) => Promise<T>,
): Promise<T> {
  const { pool: given } = tenant;
  if (typeof given !== 'function') return turns.use(given, () => work(given));
  const pool = await makeTenantPool(given);
  // Without a listener, the process would end when the server ends an idle client.
  pool.on?.('error', () => {});
  try {
    return await work(pool);
  } finally {
    await endTenantPool(pool, logger);
  }
}

async function makeTenantPool(make: () => OwnPool | Promise<OwnPool>): Promise<OwnPool> {
  let pool: OwnPool;
  try {
    pool = await make();
  } catch (cause) {
    const message = `The function that makes the pool of this tenant threw: ${reasonOf(cause)}. Fix the function, or what it depends on.`;
    throw new ConnectionError('CONNECTION_FAILED', message, { cause });
  }
  const problems = checkPool(pool);
  if (problems.length > 0) throw new InvalidOptionsError(problems);
  return pool;
}

/** The bootstrap of the tenant is over: a pool that can't be ended does not change its result. */
async function endTenantPool(pool: OwnPool, logger: LoggerLike): Promise<void> {
  try {
    await pool.end?.();
  } catch (error) {
    logger.warn({ event: 'tenant_pool_not_ended', reason: reasonOf(error) }, "The tenant's pool did not end");
  }
}

/**
 * Lets tenants that share a pool use no more of its clients at a time than it has: a pool lets a caller wait for a
 * limited time only, and a tenant may take longer. A pool that does not tell its size is used at once.
 */
class PoolTurns {
  readonly #turns = new WeakMap<PoolLike, { free: number; readonly waiting: (() => void)[] }>();

  async use<T>(pool: PoolLike, work: () => Promise<T>): Promise<T> {
    const turns = this.#turns.get(pool) ?? { free: sizeOf(pool), waiting: [] };
    this.#turns.set(pool, turns);
    if (turns.free > 0) turns.free--;
    else await new Promise<void>((resolve) => turns.waiting.push(resolve));
    try {
      return await work();
    } finally {
      // Whoever waits gets the turn itself, so that nobody comes first who asks later.
      const next = turns.waiting.shift();
      if (next === undefined) turns.free++;
      else next();
    }
  }
}

/** The size of a pool of pg. */
function sizeOf(pool: PoolLike): number {
  const max: unknown = Reflect.get(Object(Reflect.get(pool, 'options')), 'max');
  return typeof max === 'number' && max > 0 ? max : Number.POSITIVE_INFINITY;
}
