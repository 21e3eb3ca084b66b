import type { Enforcer } from 'casbin';
import { bootstrapDatabase } from '../bootstrap.ts';
import type { BootstrapReport } from '../bootstrap-report.ts';
import { createEnforcer } from '../create-enforcer.ts';
import { createEmbeddedPool, type EmbeddedPool } from '../embedded/pool.ts';
import { replaceOptions } from '../options/resolve.ts';
import type { BootstrapOptions } from '../options.ts';

/** As for {@link bootstrapDatabase}; `dryRun` is ignored. */
export type TestDatabaseOptions = BootstrapOptions;

/** A bootstrapped database for a test, in memory. `await using` ends it. */
export interface TestDatabase extends AsyncDisposable {
  /** Use it like a `pg.Pool` of size 1. */
  readonly pool: EmbeddedPool;
  /** An enforcer that has loaded the policy, and saves to the database. */
  readonly enforcer: Enforcer;
  /** What the bootstrap did. */
  readonly report: BootstrapReport;
  /** Ends the database; its data is gone. */
  end(): Promise<void>;
}

/**
 * Starts an empty PostgreSQL inside this process, from prepared files of this package, and bootstraps it: that takes
 * one to two seconds.
 *
 * @throws as bootstrapDatabase and createEnforcer; in that case nothing is left running
 */
export async function createTestDatabase(options: TestDatabaseOptions = {}): Promise<TestDatabase> {
  const pool = createEmbeddedPool();
  const end = () => pool.end();
  try {
    const report = await bootstrapDatabase(pool, replaceOptions(options, { dryRun: false }));
    const enforcer = await createEnforcer(pool, options);
    return { pool, enforcer, report, end, [Symbol.asyncDispose]: end };
  } catch (error) {
    await end();
    throw error;
  }
}
