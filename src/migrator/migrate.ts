import { sql } from 'kysely';
import { quoteIdentifier, quoteTable } from '../database/catalog.ts';
import { engineBehind } from '../database/dialect.ts';
import { asClient } from '../database/own-queries.ts';
import { requireSameTransaction, StepFailure } from '../database/step-failure.ts';
import {
  type AnyKysely,
  type AnyTransaction,
  type ChangeContext,
  setChangeContext,
  settleTransaction,
} from '../database/transaction.ts';
import { DatabaseError } from '../errors.ts';
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
  /** Who removes those, for the journal. */
  readonly changedBy: ChangeContext;
  /** Called before the first migration, if any is pending; what it returns is called after each. */
  readonly watch: () => Promise<(migration: string) => Promise<void>>;
}

/** The result of the migrations. */
export interface Migrated {
  readonly applied: readonly string[];
  readonly takeover: TakeoverReport | null;
  /** Whether this is the first run in the schema; if another tool migrates, whether no rule is stored. */
  readonly firstRun: boolean;
  /** Whether there was no rule table before. */
  readonly isTableNew: boolean;
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
  const run = async (given: Omit<MigrationRun, 'afterEach'>) => {
    if (!isPending(given.migrations, given.found.applied)) return;
    afterEach ??= await plan.watch();
    applied.push(...(await runMigrations(db, { ...given, afterEach })));
  };
  const applied: string[] = [];
  let takeover: TakeoverReport | null = null;
  const { ruleTable, isRuleTableMissing } = plan;
  let firstRun = packageMigrations === null && (isRuleTableMissing || !(await hasRules(trx, ruleTable)));
  if (plan.table.duplicates === 'remove' && !ruleTable.isUnique)
    takeover = await removeAsBootstrap(trx, plan);
  if (packageMigrations !== null) {
    const found = await findList(trx, schema, PACKAGE_LIST);
    // Another adapter has made the table, and may have filled it; no earlier run has recorded anything about it.
    const isForeign = Object.keys(ruleTable.migrations).length === 0;
    firstRun = found.applied.length === 0 && !isForeign;
    if (firstRun) takeover ??= await ruleTable.takeOver(trx);
    // A newer release may have applied names that this one does not know. Kysely needs a migration for each.
    const ignored = found.applied.filter((name) => !Object.hasOwn(packageMigrations, name));
    await run({ list: PACKAGE_LIST, schema, migrations: packageMigrations, found, ignored });
  }
  if (applicationMigrations !== null) {
    const given = {
      list: applicationList,
      schema: applicationSchema,
      migrations: applicationMigrations,
      found: await findList(trx, applicationSchema, applicationList),
    };
    if (given.found.applied.length === 0) await refuseElsewhere(trx, given);
    await withSchemaFirst(trx, plan, () => run(given));
  }
  return { applied, takeover, firstRun, isTableNew: isRuleTableMissing };
}

/** Removes duplicates. A journal records that a bootstrap did it, and nothing of the migrations that follow. */
async function removeAsBootstrap(trx: AnyTransaction, { ruleTable, changedBy }: MigrationPlan) {
  const client = asClient(trx);
  await setChangeContext(client, changedBy);
  const takeover = await ruleTable.takeOver(trx);
  await setChangeContext(client, NOBODY);
  return takeover;
}

const NOBODY: ChangeContext = { actor: '' };

/** The names of the migrations that {@link migrateDatabase} would run. */
export async function listPending(
  db: AnyKysely,
  {
    schema,
    applicationSchema,
    packageMigrations,
    applicationMigrations,
    applicationList,
  }: Omit<MigrationPlan, 'watch' | 'isRuleTableMissing' | 'ruleTable' | 'table' | 'changedBy'>,
): Promise<string[]> {
  const lists = [
    [packageMigrations, schema, PACKAGE_LIST],
    [applicationMigrations, applicationSchema, applicationList],
  ] as const;
  const pending: string[] = [];
  for (const [migrations, home, list] of lists) {
    if (migrations === null) continue;
    const { applied } = await findList(db, home, list);
    pending.push(...Object.keys(migrations).filter((name) => !applied.includes(name)));
  }
  return pending;
}

/** Runs the application's migrations with its schema first on the search_path, if that is another one. */
async function withSchemaFirst(trx: AnyTransaction, plan: MigrationPlan, work: () => Promise<void>) {
  const { schema, applicationSchema } = plan;
  if (schema === applicationSchema) return work();
  await settleTransaction(trx, applicationSchema);
  await work();
  await settleTransaction(trx, schema);
}

function isPending(migrations: Migrations, known: readonly string[]): boolean {
  return Object.keys(migrations).some((name) => !known.includes(name));
}

async function hasRules(trx: AnyTransaction, { sql: name }: RuleTable): Promise<boolean> {
  const { rows } = await sql`select from ${sql.raw(name)} limit 1`.execute(trx);
  return rows.length > 0;
}

/** What is there of a list of migrations. */
interface FoundList {
  readonly isSchemaThere: boolean;
  /** Those of its two tables that exist. */
  readonly tables: readonly string[];
  readonly applied: readonly string[];
}

/** Reads what is there of a list of migrations. */
export async function findList(
  db: AnyKysely,
  schema: string,
  { tableName, lockTableName }: MigrationList,
): Promise<FoundList> {
  const { rows } = await sql<{ isSchemaThere: boolean; tables: string[] }>`
    select
      exists (select from pg_catalog.pg_namespace where nspname = ${schema}) as "isSchemaThere",
      (
        select coalesce(json_agg(c.relname), '[]')
        from pg_catalog.pg_class c
        join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        where n.nspname = ${schema} and c.relname in (${tableName}, ${lockTableName})
      ) as tables
  `.execute(db);
  const { isSchemaThere = false, tables = [] } = rows[0] ?? {};
  const applied = tables.includes(tableName) ? await readNames(db, schema, tableName) : [];
  return { isSchemaThere, tables, applied };
}

async function readNames(db: AnyKysely, schema: string, table: string): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    select name from ${sql.id(schema, table)} order by name
  `.execute(db);
  return rows.map(({ name }) => name);
}

/**
 * Refuses to run in a new schema what the application's own Migrator has run in another schema of the search_path. A
 * list beside one of this package is that of another tenant. The list of the new schema itself is empty.
 *
 * @throws DatabaseError `MIGRATIONS_ELSEWHERE`
 */
async function refuseElsewhere(
  trx: AnyTransaction,
  { schema, list: { tableName }, migrations }: Pick<MigrationRun, 'schema' | 'list' | 'migrations'>,
): Promise<void> {
  const { rows } = await sql<{ home: string }>`
    select n.nspname as home
    from unnest(current_schemas(false)) as path (name)
    join pg_catalog.pg_namespace n on n.nspname = path.name
    join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = ${tableName}
    where has_table_privilege(c.oid, 'select')
    and not exists (
      select from pg_catalog.pg_class p where p.relnamespace = n.oid and p.relname = ${PACKAGE_LIST.tableName}
    )
  `.execute(trx);
  for (const { home } of rows) {
    const recorded = (await readNames(trx, home, tableName)).filter((name) =>
      Object.hasOwn(migrations, name),
    );
    if (recorded.length === 0) continue;
    throw new DatabaseError(
      'MIGRATIONS_ELSEWHERE',
      `The application's migrations are recorded in ${quoteTable(tableName, home)} (${recorded[0]}${recorded.length > 1 ? ` and ${recorded.length - 1} more` : ''}), and would run again in schema ${quoteIdentifier(schema)}. Nothing was changed. Run them by your own Migrator, and leave out the migrations option; or leave out the schema option. If they are to run in this schema too, give tableName and lockTableName beside their provider.`,
    );
  }
}

/** One run of Kysely's Migrator. */
interface MigrationRun {
  readonly list: MigrationList;
  readonly schema: string;
  readonly migrations: Migrations;
  readonly found: FoundList;
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
    db: withFound(db, run),
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
  return results.map(({ migrationName }) => migrationName);
}

function guardAll({ migrations, afterEach }: MigrationRun): Record<string, Migration> {
  const entries = Object.entries(migrations).map(([name, migration]) => {
    return [name, withCheckAfter(migration, () => afterEach(name))] as const;
  });
  return Object.fromEntries(entries);
}

/** The migration, and then a check that the transaction that it was given is still open. */
function withCheckAfter(migration: Migration, after: () => Promise<void>): Migration {
  return {
    async up(db) {
      await migration.up(db.withoutPlugins());
      // Where each statement commits by itself, no transaction is open.
      if (!engineBehind(db).commitsDdl) await requireSameTransaction(db);
      await after();
    },
  };
}

function placeholders(names: readonly string[] = []): Record<string, Migration> {
  return Object.fromEntries(names.map((name) => [name, { up: async () => {} }]));
}

/**
 * The same Kysely for a Migrator, whose introspection tells what was found. Kysely's own introspection reads each
 * column of each schema, so with a schema for each of many tenants, each tenant would take longer than the one before.
 * Migrations get the real Kysely.
 */
function withFound(db: AnyKysely, { schema, found }: MigrationRun): AnyKysely {
  const introspection = {
    getSchemas: async () => (found.isSchemaThere ? [{ name: schema }] : []),
    getTables: async () => found.tables.map((name) => ({ name, schema })),
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
