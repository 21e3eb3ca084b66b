import type { BootstrapOptions } from '../options.ts';

/** The same for all tenants. The schema is each one's own: what is given here for all of them is not used. */
export interface TenantsOptions extends Omit<BootstrapOptions, 'schema'> {
  /**
   * How many tenants are bootstrapped at a time, each on one connection. More than a shared pool has only wait for
   * it. Default: 4.
   */
  readonly concurrency?: number;
}
