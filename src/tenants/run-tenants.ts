import pMap from 'p-map';
import { completeOptions } from '../options/resolve.ts';
import { checkTenantsOptions } from './check.ts';
import { TenantSourceError } from './error.ts';
import type { TenantsOptions } from './options.ts';
import { summarizeTenants, type TenantsReport } from './report.ts';
import { runTenant } from './run.ts';
import { TenantSource } from './source.ts';
import type { Tenant } from './tenant.ts';

const DEFAULT_CONCURRENCY = 4;

/** What bootstrapTenants does, loaded when it is called. */
export async function runTenants(
  tenants: Iterable<Tenant> | AsyncIterable<Tenant>,
  options: TenantsOptions,
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
