import type { TenantsOptions } from './tenants/options.ts';
import type { TenantsReport } from './tenants/report.ts';
import type { Tenant } from './tenants/tenant.ts';

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
  const { runTenants } = await import('./tenants/run-tenants.ts');
  return runTenants(tenants, options);
}
