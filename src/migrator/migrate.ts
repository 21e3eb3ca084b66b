import { sql } from 'kysely';
import type { TakeoverReport } from '../bootstrap-report.ts';
import { type ChangeContext, setChangeContext } from '../database/change-context.ts';
import { asClient } from '../database/own-queries.ts';
import { type AnyKysely, type AnyTransaction, markTransaction } from '../database/transaction.ts';
import type { RuleTable, RuleTableOptions } from '../tables/rule-table.ts';
import { type MigrationList, type Migrations, PACKAGE_LIST } from './migration.ts';
import { findList, refuseElsewhere } from './recorded-migrations.ts';
import { type MigrationRun, runMigrations } from './run-migrations.ts';

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
  readonly table: Pick<RuleTableOptions, 'duplicates'>;
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

/** Runs a list of migrations, if one of them is pending. */
type RunPending = (given: Omit<MigrationRun, 'afterEach'>) => Promise<void>;

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
  const { packageMigrations, applicationMigrations, ruleTable, isRuleTableMissing } = plan;
  const applied: string[] = [];
  let afterEach: ((migration: string) => Promise<void>) | undefined;
  const run: RunPending = async (given) => {
    if (!isPending(given.migrations, given.found.applied)) return;
    afterEach ??= await plan.watch();
    applied.push(...(await runMigrations(db, { ...given, afterEach })));
  };
  const isToClean = plan.table.duplicates === 'remove' && !ruleTable.isUnique;
  const removed = isToClean ? await removeAsBootstrap(trx, plan) : null;
  const ours =
    packageMigrations === null
      ? { firstRun: isRuleTableMissing || !(await hasRules(trx, ruleTable)), takeover: removed }
      : await migratePackage(trx, plan, packageMigrations, removed, run);
  if (applicationMigrations !== null) await migrateApplication(trx, plan, applicationMigrations, run);
  return { applied, ...ours, isTableNew: isRuleTableMissing };
}

function isPending(migrations: Migrations, known: readonly string[]): boolean {
  return Object.keys(migrations).some((name) => !known.includes(name));
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

async function hasRules(trx: AnyTransaction, { sql: name }: RuleTable): Promise<boolean> {
  const { rows } = await sql`select from ${sql.raw(name)} limit 1`.execute(trx);
  return rows.length > 0;
}

/** Runs the migrations of this package and the seeders. Before the first of them, takes over a table that is there. */
async function migratePackage(
  trx: AnyTransaction,
  { schema, ruleTable }: MigrationPlan,
  migrations: Migrations,
  removed: TakeoverReport | null,
  run: RunPending,
): Promise<Pick<Migrated, 'firstRun' | 'takeover'>> {
  const found = await findList(trx, schema, PACKAGE_LIST);
  // Another adapter has made the table, and may have filled it; no earlier run has recorded anything about it.
  const isForeign = Object.keys(ruleTable.migrations).length === 0;
  const firstRun = found.applied.length === 0 && !isForeign;
  const takeover = removed ?? (firstRun ? await ruleTable.takeOver(trx) : null);
  // A newer release may have applied names that this one does not know. Kysely needs a migration for each.
  const ignored = found.applied.filter((name) => !Object.hasOwn(migrations, name));
  await run({ list: PACKAGE_LIST, schema, migrations, found, ignored });
  return { firstRun, takeover };
}

async function migrateApplication(
  trx: AnyTransaction,
  plan: MigrationPlan,
  migrations: Migrations,
  run: RunPending,
): Promise<void> {
  const { applicationSchema: schema, applicationList: list } = plan;
  const found = await findList(trx, schema, list);
  if (found.applied.length === 0) await refuseElsewhere(trx, schema, list, migrations);
  await withSchemaFirst(trx, plan, () => run({ list, schema, migrations, found }));
}

/** Runs the application's migrations with its schema first on the search_path, if that is another one. */
async function withSchemaFirst(trx: AnyTransaction, plan: MigrationPlan, work: () => Promise<void>) {
  const { schema, applicationSchema } = plan;
  if (schema === applicationSchema) return work();
  await markTransaction(trx, applicationSchema);
  await work();
  await markTransaction(trx, schema);
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
