import pMap from 'p-map';
import { completeOptions } from './options/resolve.ts';
import type { BootstrapOptions } from './options.ts';
import { checkTenantsOptions } from './tenants/check.ts';
import { TenantSourceError } from './tenants/error.ts';
import { summarizeTenants, type TenantsReport } from './tenants/report.ts';
import { runTenant } from './tenants/run.ts';
import { TenantSource } from './tenants/source.ts';
import type { Tenant } from './tenants/tenant.ts';

const DEFAULT_CONCURRENCY = 4;

/** The same for all tenants; only the schema is each one's own. */
export interface TenantsOptions extends Omit<BootstrapOptions, 'schema'> {
  /**
   * How many tenants are bootstrapped at a time, each on one connection. More than a shared pool has only wait for
   * it. Default: 4.
   */
  readonly concurrency?: number;
}

/**
 * Bootstraps many tenants alike, as bootstrapDatabase does each, so many at a time: a schema for each in one
 * database, or a database for each. Each is all or nothing by itself, and one that fails leaves the others alone:
 * what became of it is in the report, whose `ok` says whether none has failed.
 *
 * The options are checked, and the policy judged by itself, once. A list is checked as a whole before any database
 * is touched. An async iterable is read when there is room for another tenant; one that is misshapen, or comes
 * twice, fails by itself.
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
  const source = new TenantSource(tenants);
  const shared = await completeOptions(options, [...source.problems, ...checkTenantsOptions(options)]);
  const { concurrency = DEFAULT_CONCURRENCY } = options;
  const reports = await pMap(source.read(), (arrival) => runTenant(arrival, shared), { concurrency });

  const report = summarizeTenants(reports, performance.now() - started);
  const { total, succeeded, failed, changed, durationMs } = report;
  shared.logger.info(
    { event: 'tenants_completed', total, succeeded, failed, changed, durationMs },
    'Tenants completed',
  );
  if (source.failure !== null) throw new TenantSourceError(source.failure.thrown, report);
  return report;
}
