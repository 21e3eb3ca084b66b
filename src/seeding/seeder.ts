import type { RawBuilder, Transaction } from 'kysely';
import type { Engine } from '../database/engine.ts';
import type { AnyKysely } from '../database/transaction.ts';
import type { Problem } from '../errors.ts';
import type { LoggerLike } from '../logger.ts';
import type { Migration, Migrations } from '../migrator/migration.ts';
import { formatText } from '../policy/rule.ts';
import type { CasbinAdapter } from '../tables/adapter.ts';
import { reasonOf } from '../text.ts';

/** What a seeder works with. Everything in it belongs to the one transaction of the bootstrap. */
export interface SeederContext {
  /**
   * The open transaction; in `isSeeded` it is read-only. It can't begin another one, and ends when the
   * bootstrap does. Its `search_path` begins with {@link schema}. It has no plugins.
   */
  // biome-ignore lint/suspicious/noExplicitAny: a seeder knows its own tables, the library can't
  readonly db: Transaction<any>;
  /** The logger of the bootstrap. */
  readonly logger: LoggerLike;
  /** The hardened Casbin adapter, on the same transaction. */
  readonly adapter: CasbinAdapter;
  /** The schema of the tables. Undefined in `isSeeded` if the connection's search_path decides. */
  readonly schema: string | undefined;
  /** Whether this run creates the tables of this library, so that nobody can have changed anything yet. */
  readonly firstRun: boolean;
  /** Whether the transaction will be rolled back, for a seeder that also does something outside of the database. */
  readonly dryRun: boolean;
  /**
   * Reports how many of how many rows are done. Call it as often as you like: it reaches the log and `onProgress` only
   * when the work takes long.
   */
  progress(done: number, total: number): void;
}

/** How many rows a seeder inserted, and how many it found. */
export interface SeederResult {
  /** How many rows it inserted. */
  readonly inserted: number;
  /** How many it found. */
  readonly existing: number;
}

/**
 * A named, idempotent step that inserts missing rows and does not change existing ones.
 *
 * If it throws, the whole bootstrap is rolled back, and the caller gets the error as the `cause` of a SeederError.
 */
export interface Seeder {
  /** Unique among the seeders of a bootstrap. */
  readonly name: string;
  /** How many rows it has, if that is known beforehand: reported as `existing` when all are there. */
  readonly total?: number;
  /** The table it fills, for messages about privileges and locks. */
  readonly table?: string;
  /**
   * Migrations for the tables that it needs. They run before any seeder, and are recorded in the package's own table.
   */
  readonly migrations?: Readonly<Record<string, Migration>>;
  /** What is wrong with it, found before the database is touched. `at` is relative to the seeder. */
  check?(): readonly Problem[];
  /**
   * Whether nothing is missing. It must only read. A start at which every seeder answers true takes no lock and writes
   * nothing. The `seed` of a seeder without it is called at every start.
   */
  isSeeded?(context: SeederContext): Promise<boolean>;
  /** Inserts what is missing, and returns how much that was. */
  seed(context: SeederContext): Promise<SeederResult>;
}

/** A seeder as the runner sees it: the seeders of this package have more than those of an application. */
export interface RunnableSeeder extends Seeder {
  /** The beginning of its log events: `provider` gives `provider_seeding_complete`. Default: the name. */
  readonly logName?: string;
  /** Whether it seeds the policy. It has no `isSeeded`, because a start compares the stored policy itself. */
  readonly isPolicy?: boolean;
  /**
   * A query that returns a row if anything is missing. It is sent in one message with others, instead of `isSeeded`.
   * Null if there are too many rows for that.
   */
  selectMissing?(engine: Engine): RawBuilder<unknown> | null;
  /** A seeder of some of its rows, by their positions, for an engine that limits the rows of a transaction. */
  portion?(start: number, end: number): RunnableSeeder;
  /** Inserts the rows without looking at the table first, for a script of SQL. */
  insertUnseen?(db: AnyKysely): Promise<void>;
  /** Logs the rows that are there. Called instead of `seed` on a start with nothing to do. */
  logExisting?(log: SeederLog): void;
}

/** What a seeder uses to log its work. */
export type SeederLog = Pick<SeederContext, 'logger' | 'dryRun'>;

/** The name of the seeder that is always there. */
export const RBAC = 'rbac';

/** The problems of the given seeders, each by itself and all together. */
export function checkSeeders(seeders: readonly Seeder[], packageMigrations: Migrations): Problem[] {
  const names = new Set([RBAC]);
  const migrations = new Map<string, unknown>(Object.entries(packageMigrations));
  return seeders.flatMap((seeder, index) => {
    const at = `seeders[${index}] ${formatText(seeder.name)}`;
    const own = runCheck(seeder).map((problem) => ({ ...problem, at: `${at} ${problem.at}` }));
    return [...own, ...checkSeederName(seeder, at, names), ...checkMigrationNames(seeder, at, migrations)];
  });
}

function runCheck(seeder: Seeder): readonly Problem[] {
  try {
    return seeder.check?.() ?? [];
  } catch (error) {
    return [{ code: 'OPTION_INVALID', at: 'check', message: `it threw: ${reasonOf(error)}. Fix it.` }];
  }
}

function checkSeederName({ name }: Seeder, at: string, names: Set<string>): Problem[] {
  const taken = names.has(name);
  names.add(name);
  if (!taken) return [];
  const message = `another seeder has that name${name === RBAC ? ': the one of the policy' : ''}. Give each its own.`;
  return [{ code: 'SEEDER_DUPLICATE', at, message }];
}

function checkMigrationNames(seeder: Seeder, at: string, known: Map<string, unknown>): Problem[] {
  return Object.entries(seeder.migrations ?? {}).flatMap(([name, migration]): Problem[] => {
    const other = known.get(name) ?? migration;
    known.set(name, migration);
    if (other === migration) return [];
    const message = `its migration ${formatText(name)} has the same name as another one. Begin its name with the name of the seeder.`;
    return [{ code: 'MIGRATION_DUPLICATE', at, message }];
  });
}
