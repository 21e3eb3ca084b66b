import { bootstrapDatabase } from '../bootstrap.ts';
import type { PoolLike } from '../database/client.ts';
import { InvalidOptionsError } from '../errors.ts';
import type { BootstrapOptions } from '../options.ts';

/** As much of Kysely's MigrationResultSet as is read. */
export interface MigrationResults {
  /** Why it failed; a Migrator does not throw. */
  readonly error?: unknown;
  /** What was migrated; empty when nothing was pending. */
  readonly results?: readonly {
    /** The direction of the migration. */
    readonly direction: 'Up' | 'Down';
    /** Whether it was run, and succeeded. */
    readonly status: 'Success' | 'Error' | 'NotExecuted';
  }[];
}

/** As much of Kysely's Migrator as is used. Structural, as the class moved between Kysely 0.28 and 0.29. */
export interface MigratorLike {
  /** Runs all that are pending. */
  migrateToLatest(...given: MigratorArguments): Promise<MigrationResults>;
  /** Goes up or down to a migration. */
  migrateTo(...given: MigratorArguments): Promise<MigrationResults>;
  /** Runs the next one. */
  migrateUp(...given: MigratorArguments): Promise<MigrationResults>;
}

/** What the constructor and the methods take in the installed version. A class that is extended must take `any`. */
// biome-ignore lint/suspicious/noExplicitAny: as said
export type MigratorArguments = any[];

/** A class of Migrators: Kysely's own, or one that extends it. */
export type MigratorClass = new (...given: MigratorArguments) => MigratorLike;

/**
 * A subclass of Kysely's Migrator that bootstraps the database when it has migrated, also when nothing was pending. It
 * does not bootstrap if a migration failed, or if it migrated down. When the bootstrap fails, the outcome of the
 * migration has its error: what was migrated stays, and the next run bootstraps again.
 *
 * @param Migrator the class of the installed Kysely: of `kysely`, from 0.29 on of `kysely/migration`
 * @param pool may be the one of Kysely's own dialect; one of size 1 will do
 * @throws InvalidOptionsError for a `Migrator` that is not a class
 *
 * @example
 * const BootstrapMigrator = withBootstrap(Migrator, pool, options);
 * const { error, results } = await new BootstrapMigrator({ db, provider }).migrateToLatest();
 */
export function withBootstrap<Class extends MigratorClass>(
  Migrator: Class,
  pool: PoolLike,
  options: BootstrapOptions = {},
): Class {
  requireClass(Migrator);
  return class extends Migrator {
    override async migrateToLatest(...given: unknown[]): Promise<MigrationResults> {
      return bootstrapAfter(await super.migrateToLatest(...given));
    }

    override async migrateUp(...given: unknown[]): Promise<MigrationResults> {
      return bootstrapAfter(await super.migrateUp(...given));
    }

    override async migrateTo(target: unknown, ...given: unknown[]): Promise<MigrationResults> {
      const outcome = await super.migrateTo(target, ...given);
      // NO_MIGRATIONS is an object: all of them were taken back, now or before.
      return typeof target === 'string' ? bootstrapAfter(outcome) : outcome;
    }
  };

  async function bootstrapAfter(outcome: MigrationResults): Promise<MigrationResults> {
    if (!isUp(outcome)) return outcome;
    try {
      await bootstrapDatabase(pool, options);
      return outcome;
    } catch (error) {
      return { ...outcome, error };
    }
  }
}

/** Kysely 0.29 moved the class. By an import that is not checked, as of jiti for kysely-ctl, it is then undefined. */
function requireClass(given: unknown): void {
  if (typeof given === 'function') return;
  const message =
    "must be the class Migrator of Kysely: import it from 'kysely/migration', or before Kysely 0.29 from 'kysely'";
  throw new InvalidOptionsError([{ code: 'OPTION_INVALID', at: 'Migrator', message }]);
}

/**
 * Whether no migration failed, and none went down. A migration may throw undefined: then there is a failure without an
 * error.
 */
function isUp({ error, results = [] }: MigrationResults): boolean {
  return (
    error === undefined &&
    results.every(({ direction, status }) => direction === 'Up' && status === 'Success')
  );
}
