import { BootstrapError } from '../errors.ts';
import { reasonOf } from '../reason.ts';
import type { TenantsReport } from './report.ts';

/** The async iterable of tenants threw; those that it gave before were bootstrapped, and `report` says how. */
export class TenantSourceError extends BootstrapError {
  readonly report: TenantsReport;

  constructor(cause: unknown, report: TenantsReport) {
    const { succeeded, failed } = report;
    super(
      'TENANTS_UNREADABLE',
      `The tenants could not be read to their end: ${reasonOf(cause)}. Of those read before, ${succeeded} succeeded and ${failed} failed. Fix what gives the tenants and run it again, which is safe.`,
      { cause },
    );
    this.report = report;
  }
}
