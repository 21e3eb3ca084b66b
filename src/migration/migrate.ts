import { sql } from 'kysely';
import { hasTable } from '../database/table.ts';
import { type AnyKysely, type AnyTransaction, searchPathExpression } from '../database/transaction.ts';
import type { TakeoverReport } from '../report.ts';
import { type MigrationList, type Migrations, PACKAGE_LIST } from './migration.ts';
import { type MigrationRun, runMigrations } from './run.ts';
import { takeOver } from './takeover.ts';

/** What is to be migrated; null where another tool does it, or there is nothing. */
export interface MigrationPlan {
  readonly schema: string;
  /** Where the application's own are recorded and run. */
  readonly applicationSchema: string;
  readonly packageMigrations: Migrations | null;
  readonly applicationMigrations: Migrations | null;
  readonly applicationList: MigrationList;
  /** Called before the first migration, if any is pending; what it returns is called after each. */
  readonly watch: () => Promise<(migration: string) => Promise<void>>;
}

/** What migrating did. */
export interface Migrated {
  readonly applied: readonly string[];
  readonly takeover: TakeoverReport | null;
  /** Whether this library had never migrated the schema before; where another tool does, whether no rule is stored. */
  readonly firstRun: boolean;
}

/**
 * Runs what is pending of this package's and the seeders' migrations, then of the application's: two runs, each
 * with a table of its own. In one list their names would interleave, which Kysely calls corrupted, and the
 * application would no longer be free to run a Migrator itself.
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
  let firstRun = packageMigrations === null && !(await hasRules(trx, schema));
  if (packageMigrations !== null) {
    const known = await readApplied(trx, schema, PACKAGE_LIST.tableName);
    firstRun = known.length === 0;
    if (firstRun) takeover = await takeOver(trx, schema);
    // An older release meets names that a newer one has applied. Kysely insists on knowing each.
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

/** Runs what makes the application's tables with its schema first on the search_path, where that is another one. */
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

async function hasRules(trx: AnyTransaction, schema: string): Promise<boolean> {
  if (!(await hasTable(trx, schema, 'casbin'))) return false;
  const { rows } = await sql`select from ${sql.id(schema, 'casbin')} limit 1`.execute(trx);
  return rows.length > 0;
}

async function readApplied(trx: AnyTransaction, schema: string, table: string): Promise<string[]> {
  if (!(await hasTable(trx, schema, table))) return [];
  const { rows } = await sql<{ name: string }>`
    select name from ${sql.id(schema, table)} order by name
  `.execute(trx);
  return rows.map(({ name }) => name);
}
