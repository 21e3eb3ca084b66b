import { explainFailure } from '../bootstrap/explain-failure.ts';
import { bootstrapResolved } from '../bootstrap.ts';
import { InvalidOptionsError } from '../errors.ts';
import { logError, withFields } from '../logger.ts';
import type { ResolvedOptions } from '../options/resolve.ts';
import type { BootstrapReport } from '../report.ts';
import { withTenantPool } from './pool.ts';
import type { TenantReport } from './report.ts';
import type { Arrival } from './source.ts';

/** Bootstraps one tenant with the options of all of them. Never rejects: a failure is what it reports. */
export async function runTenant(arrival: Arrival, shared: ResolvedOptions): Promise<TenantReport> {
  const { name } = arrival;
  const logger = withFields(shared.logger, { tenant: name });
  const progress = shared.progress.of({ tenant: name });
  const started = performance.now();
  try {
    const report = await bootstrapTenant(arrival, { ...shared, logger, progress });
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
): Promise<BootstrapReport> {
  if (problems.length > 0) throw new InvalidOptionsError(problems);
  return withTenantPool(tenant, options.logger, async (pool) => {
    const started = performance.now();
    const outcome = await bootstrapResolved(pool, { ...options, schema: tenant.schema });
    return { ...outcome, durationMs: performance.now() - started };
  });
}
