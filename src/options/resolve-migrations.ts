import type { Problem } from '../errors.ts';
import {
  APPLICATION_LIST,
  isMigrationSettings,
  type MigrationList,
  type MigrationProvider,
  type Migrations,
} from '../migrator/migration.ts';
import type { BootstrapOptions } from '../options.ts';
import { reasonOf } from '../text.ts';

/** The application's own migrations, and how they are recorded. */
export interface ResolvedMigrations {
  /** Null when there are none. */
  readonly migrations: Migrations | null;
  readonly list: MigrationList;
  readonly problems: readonly Problem[];
}

/** Takes migrations from their provider, if they are given as one. */
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

async function readMigrations(
  given: Migrations | MigrationProvider,
): Promise<Omit<ResolvedMigrations, 'list'>> {
  if (typeof given.getMigrations !== 'function') return { migrations: given as Migrations, problems: [] };
  try {
    const migrations = await given.getMigrations();
    const { checkMigrations } = await import('./shape.ts');
    return { migrations, problems: checkMigrations(migrations) };
  } catch (error) {
    const message = `the provider threw: ${reasonOf(error)}. Fix it, or give the migrations as an object.`;
    return { migrations: null, problems: [{ code: 'OPTION_INVALID', at: 'migrations', message }] };
  }
}
