import { bootstrapResolved } from './bootstrap.ts';
import type { BootstrapReport } from './bootstrap-report.ts';
import { checkPool, type PoolLike } from './database/client.ts';
import { completeOptions, replaceOptions } from './options/resolve.ts';
import type { BootstrapOptions } from './options.ts';
import type { PolicyDefinition } from './policy/definition.ts';

/** How rules are imported: the options of a bootstrap without the policy, seeders and the application's migrations. */
export interface ImportOptions extends Omit<BootstrapOptions, 'policy' | 'seeders'> {
  /** Who imports them, for the journal. Default: `casbin-bootstrap`. */
  readonly actor?: string | undefined;
  /** Why, for the journal. */
  readonly reason?: string | undefined;
}

/**
 * Adds the rules of a definition to the rule table of a database, which it creates if it is missing: the reverse of
 * pullPolicy. It is a bootstrap with this definition, without seeders and migrations of the application. It only adds
 * rules, in one transaction. Every rule must be read back, and every request be decided, as the definition says, or
 * nothing is kept.
 *
 * @param policy a definition, or the path of a .yaml, .json or .csv file with one; links of users to roles count too
 * @throws as bootstrapDatabase
 */
export async function importPolicy(
  pool: PoolLike,
  policy: PolicyDefinition | string,
  options: ImportOptions = {},
): Promise<BootstrapReport> {
  const started = performance.now();
  const { checkImportShape } = await import('./options/shape.ts');
  const given = replaceOptions(options, { policy, seeders: [] });
  const { migrations, ...rest } = given ?? {};
  const resolved = await completeOptions(
    // If another tool runs the migrations, it runs those of this package too.
    migrations === false ? { ...rest, migrations } : rest,
    [...checkPool(pool), ...checkImportShape(given)],
  );
  const { actor = 'casbin-bootstrap', reason } = options;
  const outcome = await bootstrapResolved(pool, { ...resolved, changedBy: { actor, reason } });
  return { ...outcome, durationMs: performance.now() - started };
}
