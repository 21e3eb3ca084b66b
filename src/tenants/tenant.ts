import type { PoolLike } from '../database/client.ts';

/** A pool that is made for one tenant, and ended after it: a `pg.Pool`, or the embedded pool. */
export interface OwnPool extends PoolLike {
  end?(): unknown;
  on?(event: 'error', listener: (error: Error) => void): unknown;
}

/** One of many that are bootstrapped alike: a schema of a database, or a database of its own. */
export interface Tenant {
  /** Unique among the tenants; what the report and the log call it. */
  readonly name: string;
  /** Where its tables live; created when missing. Default: the connection's search_path. */
  readonly schema?: string;
  /**
   * A pool, which other tenants may share and which stays open; or a function that makes one for this tenant. The
   * function is called when its turn has come, and the pool is ended when the tenant is done, also when it failed.
   */
  readonly pool: PoolLike | (() => OwnPool | Promise<OwnPool>);
}
