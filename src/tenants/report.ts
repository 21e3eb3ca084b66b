import type { BootstrapError } from '../errors.ts';
import type { BootstrapReport } from '../report.ts';

/** What became of one tenant. */
export type TenantReport =
  | {
      readonly name: string;
      readonly status: 'bootstrapped';
      readonly report: BootstrapReport;
      /** From its turn to its end, with the making and ending of its pool. */
      readonly durationMs: number;
    }
  | {
      readonly name: string;
      readonly status: 'failed';
      readonly error: BootstrapError;
      readonly durationMs: number;
    };

/** What became of all of them. */
export interface TenantsReport {
  /** Whether none has failed. */
  readonly ok: boolean;
  readonly total: number;
  readonly succeeded: number;
  readonly failed: number;
  /** In how many anything was written; under `dryRun`, would be. */
  readonly changed: number;
  /** In the order in which they were given. */
  readonly tenants: readonly TenantReport[];
  readonly durationMs: number;
}

/** Counts what became of the tenants. */
export function summarizeTenants(tenants: readonly TenantReport[], durationMs: number): TenantsReport {
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
