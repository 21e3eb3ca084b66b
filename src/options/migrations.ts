import type { Problem } from '../errors.ts';
import type { Migrations } from '../migration/migration.ts';
import type { BootstrapOptions } from '../options.ts';
import { reasonOf } from '../reason.ts';

/** The application's own migrations, from a provider if they are given as one; null when there are none. */
export async function resolveMigrations({
  migrations: given,
}: BootstrapOptions): Promise<{ migrations: Migrations | null; problems: Problem[] }> {
  if (given === undefined || given === false) return { migrations: null, problems: [] };
  if (typeof given.getMigrations !== 'function') return { migrations: given as Migrations, problems: [] };
  try {
    const migrations = await given.getMigrations();
    const { checkMigrations } = await import('./shape.ts');
    const problems = checkMigrations(migrations);
    return { migrations: problems.length === 0 ? migrations : null, problems };
  } catch (error) {
    const message = `the provider threw: ${reasonOf(error)}. Mend it, or give the migrations as an object.`;
    return { migrations: null, problems: [{ code: 'OPTION_INVALID', at: 'migrations', message }] };
  }
}
