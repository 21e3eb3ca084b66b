import { sql } from 'kysely';
import { hasTable } from '../database/catalog.ts';
import { engineBehind } from '../database/dialect.ts';
import { StepFailure, TransactionEnded } from '../database/step-failure.ts';
import {
  type AnyKysely,
  type AnyTransaction,
  isSameTransaction,
  searchPathExpression,
} from '../database/transaction.ts';
import type { TakeoverReport } from '../report.ts';
import type { RuleTable } from '../tables/rule-table.ts';
import { loadMigrator } from './kysely-migrator.ts';
import { type Migration, type MigrationList, type Migrations, PACKAGE_LIST } from './migration.ts';

/** What to migrate; null if another tool runs the migrations, or there are none. */
export interface MigrationPlan {
  readonly schema: string;
  /** Where the application's own migrations are recorded, and how they run. */
  readonly applicationSchema: string;
  readonly packageMigrations: Migrations | null;
  readonly applicationMigrations: Migrations | null;
  readonly applicationList: MigrationList;
  readonly ruleTable: RuleTable;
  readonly isRuleTableMissing: boolean;
  /** Whether each run removes rules that are stored more than once. */
  readonly table: { readonly duplicates?: 'report' | 'remove' };
  /** Called before the first migration, if any is pending; what it returns is called after each. */
  readonly watch: () => Promise<(migration: string) => Promise<void>>;
}

/** The result of the migrations. */
export interface Migrated {
  readonly applied: readonly string[];
  readonly takeover: TakeoverReport | null;
  /** Whether this is the first run in the schema; if another tool migrates, whether no rule is stored. */
  readonly firstRun: boolean;
}

/**
 * Runs the pending migrations of this package and the seeders, then those of the application: two runs, each with a
 * table of its own. In one list, names of both would mix, which Kysely reports as corrupted, and the application could
 * no longer run a Migrator itself.
 *
 * @param db what `trx` was opened on
 */
export async function migrateDatabase(
  db: AnyKysely,
  trx: AnyTransaction,
  plan: MigrationPlan,
): Promise<Migrated> {
  const { schema, applicationSchema, packageMigrations, applicationMigrations, applicationList } = plan;
  let afterEach: ((migration: string) => Promise<void>) | undefined;
  const run = async (given: Omit<MigrationRun, 'afterEach'>, known: readonly string[]) => {
    if (!isPending(given.migrations, known)) return;
    afterEach ??= await plan.watch();
    applied.push(...(await runMigrations(db, { ...given, afterEach })));
  };
  const applied: string[] = [];
  let takeover: TakeoverReport | null = null;
  const { ruleTable, isRuleTableMissing } = plan;
  let firstRun = packageMigrations === null && (isRuleTableMissing || !(await hasRules(trx, ruleTable)));
  const removesDuplicates = plan.table.duplicates === 'remove' && !ruleTable.isUnique;
  if (removesDuplicates && !isRuleTableMissing) takeover = await ruleTable.takeOver(trx);
  if (packageMigrations !== null) {
    const known = await readApplied(trx, schema, PACKAGE_LIST.tableName);
    // Another adapter may have made and filled the table; no earlier run has recorded anything about it.
    const isForeign = !isRuleTableMissing && Object.keys(ruleTable.migrations).length === 0;
    firstRun = known.length === 0 && !isForeign;
    if (firstRun) takeover ??= await ruleTable.takeOver(trx);
    // A newer release may have applied names that this one does not know. Kysely needs a migration for each.
    const ignored = known.filter((name) => !Object.hasOwn(packageMigrations, name));
    await run({ list: PACKAGE_LIST, schema, migrations: packageMigrations, ignored }, known);
  }
  if (applicationMigrations !== null) {
    const known = await readApplied(trx, applicationSchema, applicationList.tableName);
    const given = {
      list: applicationList,
      schema: applicationSchema,
      migrations: applicationMigrations,
    };
    await withSchemaFirst(trx, plan, () => run(given, known));
  }
  return { applied, takeover, firstRun };
}

/** The names of the migrations that {@link migrateDatabase} would run. */
export async function listPending(
  db: AnyKysely,
  {
    schema,
    applicationSchema,
    packageMigrations,
    applicationMigrations,
    applicationList,
  }: Omit<MigrationPlan, 'watch' | 'isRuleTableMissing' | 'ruleTable' | 'table'>,
): Promise<string[]> {
  const lists = [
    [packageMigrations, schema, PACKAGE_LIST.tableName],
    [applicationMigrations, applicationSchema, applicationList.tableName],
  ] as const;
  const pending: string[] = [];
  for (const [migrations, home, table] of lists) {
    if (migrations === null) continue;
    const known = await readApplied(db, home, table);
    pending.push(...Object.keys(migrations).filter((name) => !known.includes(name)));
  }
  return pending;
}

/** Runs the application's migrations with its schema first on the search_path, if that is another one. */
async function withSchemaFirst(trx: AnyTransaction, plan: MigrationPlan, work: () => Promise<void>) {
  const { schema, applicationSchema } = plan;
  if (schema === applicationSchema) return work();
  await sql`select ${searchPathExpression(applicationSchema)}`.execute(trx);
  await work();
  await sql`select ${searchPathExpression(schema)}`.execute(trx);
}

function isPending(migrations: Migrations, known: readonly string[]): boolean {
  return Object.keys(migrations).some((name) => !known.includes(name));
}

async function hasRules(trx: AnyTransaction, { sql: name }: RuleTable): Promise<boolean> {
  const { rows } = await sql`select from ${sql.raw(name)} limit 1`.execute(trx);
  return rows.length > 0;
}

async function readApplied(trx: AnyKysely, schema: string, table: string): Promise<string[]> {
  if (!(await hasTable(trx, schema, table))) return [];
  const { rows } = await sql<{ name: string }>`
    select name from ${sql.id(schema, table)} order by name
  `.execute(trx);
  return rows.map(({ name }) => name);
}

/** One run of Kysely's Migrator. */
interface MigrationRun {
  readonly list: MigrationList;
  readonly schema: string;
  readonly migrations: Migrations;
  /** Names that the table has and `migrations` lacks. They are ignored; Kysely would refuse them. */
  readonly ignored?: readonly string[];
  /** Called after each migration, with its name; what it throws fails that migration. */
  readonly afterEach: (migration: string) => Promise<void>;
}

/**
 * Runs what is pending through Kysely's Migrator, inside the transaction that is open on `db`.
 *
 * @param db the Kysely that the transaction was opened on: on 0.28 a Migrator can't use a Transaction itself
 * @returns the names of the migrations that were applied, in order
 * @throws StepFailure naming the migration that failed or ended the transaction
 */
async function runMigrations(db: AnyKysely, run: MigrationRun): Promise<string[]> {
  const Migrator = await loadMigrator();
  const migrator = new Migrator({
    db: inOneSchema(db, run.schema),
    provider: { getMigrations: async () => ({ ...placeholders(run.ignored), ...guardAll(run) }) },
    disableTransactions: true,
    allowUnorderedMigrations: run.list.allowUnorderedMigrations,
    migrationTableSchema: run.schema,
    migrationTableName: run.list.tableName,
    migrationLockTableName: run.list.lockTableName,
  });
  const { error, results = [] } = await migrator.migrateToLatest();
  const failed = results.find(({ status }) => status === 'Error');
  // A migration may throw undefined; there is then a failure without an error.
  if (error !== undefined || failed !== undefined) {
    throw new StepFailure({ kind: 'migration', name: failed?.migrationName ?? null }, error);
  }
  return results.filter(({ status }) => status === 'Success').map(({ migrationName }) => migrationName);
}

function guardAll({ migrations, afterEach }: MigrationRun): Record<string, Migration> {
  const entries = Object.entries(migrations).map(([name, migration]) => {
    return [name, guard(migration, () => afterEach(name))] as const;
  });
  return Object.fromEntries(entries);
}

/**
 * The migration, and then a check that the transaction that it was given is still open. What follows works on the
 * search_path from before: what pg_dump writes empties it.
 */
function guard(migration: Migration, after: () => Promise<void>): Migration {
  return {
    async up(db) {
      const { commitsDdl } = engineBehind(db);
      const path = commitsDdl ? null : await readSearchPath(db);
      await migration.up(db.withoutPlugins());
      if (!commitsDdl && !(await isSameTransaction(db))) {
        throw new TransactionEnded('It ended the transaction that it runs in');
      }
      if (path !== null) await sql`select set_config('search_path', ${path}, true)`.execute(db);
      await after();
    },
  };
}

async function readSearchPath(db: AnyKysely): Promise<string> {
  const { rows } = await sql<{ path: string }>`select current_setting('search_path') as path`.execute(db);
  return rows[0]?.path ?? '';
}

function placeholders(names: readonly string[] = []): Record<string, Migration> {
  return Object.fromEntries(names.map((name) => [name, { up: async () => {} }]));
}

interface Named {
  readonly name: string;
  readonly schema: string;
}

/**
 * The same Kysely for a Migrator, with an introspection of one schema only. Kysely's own introspection reads each
 * column of each schema, so with a schema for each of many tenants, each tenant would take longer than the one before.
 * Migrations get the real Kysely.
 */
function inOneSchema(db: AnyKysely, schema: string): AnyKysely {
  const introspection = {
    getSchemas: async () => {
      const { rows } = await sql<{ name: string }>`
        select nspname as name from pg_catalog.pg_namespace where nspname = ${schema}
      `.execute(db);
      return rows;
    },
    getTables: async () => {
      const { rows } = await sql<Named>`
        select tablename as name, schemaname as schema from pg_catalog.pg_tables where schemaname = ${schema}
      `.execute(db);
      return rows;
    },
  };
  return new Proxy(db, {
    get(target, key) {
      if (key === 'introspection') return introspection;
      const value: unknown = Reflect.get(target, key, target);
      // A Kysely uses private fields, which the proxy does not have.
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
