import type { Problem } from '../errors.ts';
import {
  APPLICATION_LIST,
  type MigrationList,
  type MigrationProvider,
  type MigrationSettings,
  type Migrations,
} from '../migration/migration.ts';
import type { BootstrapOptions } from '../options.ts';
import { reasonOf } from '../reason.ts';

interface ResolvedMigrations {
  /** Null when there are none. */
  readonly migrations: Migrations | null;
  readonly list: MigrationList;
  readonly problems: readonly Problem[];
}

/** The application's own migrations, from a provider if they are given as one, and how they are recorded. */
export async function resolveMigrations({
  migrations: given,
}: BootstrapOptions): Promise<ResolvedMigrations> {
  if (given === undefined || given === false) {
    return { migrations: null, list: APPLICATION_LIST, problems: [] };
  }
  if (!isMigrationSettings(given)) return { ...(await readMigrations(given)), list: APPLICATION_LIST };
  const { provider, tableName, lockTableName, allowUnorderedMigrations } = given;
  const list = {
    tableName: tableName ?? APPLICATION_LIST.tableName,
    lockTableName: lockTableName ?? APPLICATION_LIST.lockTableName,
    allowUnorderedMigrations: allowUnorderedMigrations ?? APPLICATION_LIST.allowUnorderedMigrations,
  };
  return { ...(await readMigrations(provider)), list };
}

/** Whether a provider comes with settings. A single migration may be called `provider`, too. */
export function isMigrationSettings(given: unknown): given is MigrationSettings {
  return (
    typeof given === 'object' &&
    given !== null &&
    'provider' in given &&
    typeof Object(given.provider).up !== 'function'
  );
}

async function readMigrations(
  given: Migrations | MigrationProvider,
): Promise<Omit<ResolvedMigrations, 'list'>> {
  if (typeof given.getMigrations !== 'function') return { migrations: given as Migrations, problems: [] };
  try {
    const migrations = await given.getMigrations();
    const { checkMigrations } = await import('./shape.ts');
    const problems = checkMigrations(migrations);
    return { migrations: problems.length === 0 ? migrations : null, problems };
  } catch (error) {
    const message = `the provider threw: ${reasonOf(error)}. Fix it, or give the migrations as an object.`;
    return { migrations: null, problems: [{ code: 'OPTION_INVALID', at: 'migrations', message }] };
  }
}
