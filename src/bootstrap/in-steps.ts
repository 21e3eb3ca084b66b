import { sql } from 'kysely';
import { hasTable } from '../database/catalog.ts';
import { type HeldRow, LOCK_TABLE, makeLockTable, withLockRow } from '../database/lock-row.ts';
import { asClient } from '../database/own-queries.ts';
import type { Session } from '../database/session.ts';
import { createStepwise } from '../database/stepwise.ts';
import {
  type AnyKysely,
  type AnyTransaction,
  inReadOnlyTransaction,
  inWriteTransaction,
  markTransaction,
} from '../database/transaction.ts';
import { DatabaseError, InvalidOptionsError } from '../errors.ts';
import { listPending, type Migrated, migrateDatabase } from '../migrator/migrate.ts';
import { type ResolvedOptions, requireFitting, withRuleTable } from '../options/resolved-options.ts';
import { runSeeder, shareContext } from '../seeding/run.ts';
import type { RunnableSeeder } from '../seeding/seeder.ts';
import { findRuleTable } from '../tables/find-rule-table.ts';
import { watchPolicy } from './after-migration.ts';
import { refuseForgottenPolicy } from './policy-missing.ts';
import { resolveSchemas } from './schemas.ts';

/** A database whose tables were created, each step committed by itself. */
export interface Prepared {
  /** The options for the schema and the rule table. Their seeders count the rows that portions have inserted. */
  readonly options: ResolvedOptions & { readonly schema: string };
  readonly migrated: Migrated;
  /** Keeps the lock row. Call it first in the transaction that seeds and verifies. */
  keepLock(trx: AnyTransaction): Promise<void>;
}

/** What the attempts of one bootstrap have migrated. It stays when an attempt fails. */
export interface StepsTaken {
  migrated: Migrated | null;
}

/**
 * Bootstraps on an engine on which creating a table commits. It creates schema and tables, each statement committed by
 * itself, and inserts the rows of a definition that is too large for one transaction in portions. An attempt after a
 * failed one continues where that one ended. Then it calls `finish`, which seeds and verifies in one transaction. A
 * lock row keeps out other bootstraps of the schema.
 *
 * @throws DatabaseError `DRY_RUN_IMPOSSIBLE` under `dryRun`, unless all tables are there; `RECORD_IMPOSSIBLE` for a
 *   definition with a version that the engine does not take in one transaction
 */
export async function inSteps<T>(
  session: Session,
  db: AnyKysely,
  given: ResolvedOptions,
  steps: StepsTaken,
  tell: (options: ResolvedOptions) => void,
  finish: (prepared: Prepared) => Promise<T>,
): Promise<T> {
  session.enter('the schema');
  const schemas = await inReadOnlyTransaction(db, (trx) => resolveSchemas(trx, given));
  const { schema } = schemas;
  const stepwise = createStepwise(db, given.engine, schema);
  const prepare = (row: HeldRow | null) =>
    prepareTables(session, stepwise, { ...given, ...schemas }, row, tell);
  refuseTooManyRecords(given);
  refuseRemoval(given);
  if (given.dryRun) return finish({ ...(await prepare(null)), keepLock: async () => {} });
  if (!(await hasTable(stepwise, schema, LOCK_TABLE))) {
    await sql`create schema if not exists ${sql.id(schema)}`.execute(stepwise);
    await makeLockTable(stepwise, schema);
  }
  session.enter('the lock of the bootstrap');
  return withLockRow(stepwise, schema, given.lockTimeoutMs, async (row) => {
    const { options, migrated: now } = await prepare(row);
    const migrated = withEarlier(steps.migrated, now);
    steps.migrated = migrated;
    const seeders = await seedPortions(session, db, options, migrated, row);
    return finish({ options: { ...options, seeders }, migrated, keepLock: row.keep });
  });
}

function withEarlier(before: Migrated | null, now: Migrated): Migrated {
  if (before === null) return now;
  const applied = [...before.applied, ...now.applied];
  return {
    ...now,
    applied,
    firstRun: before.firstRun || now.firstRun,
    isTableNew: before.isTableNew || now.isTableNew,
  };
}

/** Refuses a definition with a version whose rules and record do not fit into one transaction. */
function refuseTooManyRecords({ ownership, engine, defined: { rules } }: ResolvedOptions): void {
  const room = engine.rowsPerTransaction;
  if (ownership === null || room === null || 2 * rules.length <= room) return;
  throw new DatabaseError(
    'RECORD_IMPOSSIBLE',
    `The definition has a version and ${rules.length} rules. On ${engine.title}, one transaction has to write the rules and a record of each, and takes ${room} rows. Nothing was changed. Remove version, retired, renamed and onRevoked from the definition.`,
  );
}

/** Refuses to remove duplicates, because that takes a table lock, and a dry run could not undo it. */
function refuseRemoval({ table, engine }: ResolvedOptions): void {
  if (table.duplicates !== 'remove') return;
  const message = `must not be "remove" on ${engine.title}, where each step is committed by itself. Leave it out, and delete the rows yourself.`;
  throw new InvalidOptionsError([{ code: 'OPTION_INVALID', at: 'table.duplicates', message }]);
}

interface OptionsInSchemas extends ResolvedOptions {
  readonly schema: string;
  readonly applicationSchema: string;
}

async function prepareTables(
  session: Session,
  stepwise: AnyKysely,
  given: OptionsInSchemas,
  row: HeldRow | null,
  tell: (options: ResolvedOptions) => void,
): Promise<Pick<Prepared, 'options' | 'migrated'>> {
  session.enter('the migrations');
  const { schema, engine } = given;
  const found = await findRuleTable(asClient(stepwise), schema, given.table, engine);
  const options = { ...withRuleTable(given, found.table), schema };
  tell(options);
  requireFitting(options);
  // It only reads, each statement in a transaction of its own.
  const asking = stepwise as AnyTransaction;
  if (!found.isMissing) await refuseForgottenPolicy(asking, options);
  const plan = {
    ...options,
    applicationSchema: given.applicationSchema,
    isRuleTableMissing: found.isMissing,
    watch: async () => {
      const verify = await watchPolicy(asking, found.isMissing ? null : options);
      return async (migration: string) => {
        await row?.extend();
        await verify(migration);
      };
    },
  };
  const pending = await listPending(stepwise, plan);
  if (row === null && pending.length > 0) throw triesTables(options, pending);
  refuseDocument(options, pending);
  const migrated = await migrateDatabase(stepwise, asking, plan);
  const { table } = await findRuleTable(asClient(stepwise), schema, given.table, engine);
  return { options: { ...withRuleTable(options, table), schema }, migrated };
}

function triesTables({ engine }: ResolvedOptions, pending: readonly string[]): DatabaseError {
  return new DatabaseError(
    'DRY_RUN_IMPOSSIBLE',
    `On ${engine.title}, a table that was made can't be rolled back, so a dry run can't try the pending migrations: ${pending.join(', ')}. Nothing was changed. Run it without dryRun, or try it on a copy.`,
  );
}

function refuseDocument({ ruleTable, engine }: ResolvedOptions, pending: readonly string[]): void {
  if (ruleTable.layout === 'columns' || !pending.includes(ruleTable.migrationName)) return;
  throw new DatabaseError(
    'TABLE_SHAPE',
    `On ${engine.title}, a table of the document layout can be neither made nor completed: ${ruleTable.sql}. Nothing was changed. Give one of columns, as by table: 'casbin_rule', or bring it into shape yourself and give migrations: false.`,
  );
}

/**
 * Commits the rows of a large definition in portions. The returned seeders find these rows, and count them as theirs.
 */
async function seedPortions(
  session: Session,
  db: AnyKysely,
  options: Prepared['options'],
  { firstRun }: Migrated,
  row: HeldRow,
): Promise<readonly RunnableSeeder[]> {
  const { seeders, engine, logger, schema, dryRun, ruleTable, progress, ownership } = options;
  const size = engine.rowsPerTransaction;
  const rows = seeders.reduce((sum, seeder) => sum + (seeder.total ?? 0), 0);
  const total = rows + (ownership === null ? 0 : options.defined.rules.length);
  if (size === null || total <= size) return seeders;
  const seed = (portion: RunnableSeeder) =>
    inWriteTransaction(db, async (trx) => {
      await markTransaction(trx, schema);
      await row.keep(trx);
      const context = shareContext({ db: trx, logger, schema, firstRun, dryRun, ruleTable });
      return runSeeder(portion, context, progress);
    });
  const counting: RunnableSeeder[] = [];
  for (const seeder of seeders) {
    if (seeder.isPolicy && ownership !== null) {
      counting.push(seeder);
      continue;
    }
    session.enter(`seeder "${seeder.name}"`);
    let before = 0;
    for (let start = 0; seeder.portion !== undefined && start < (seeder.total ?? 0); start += size) {
      before += (await seed(seeder.portion(start, start + size))).inserted;
    }
    counting.push(before === 0 ? seeder : withRowsBefore(seeder, before));
  }
  return counting;
}

function withRowsBefore(seeder: RunnableSeeder, before: number): RunnableSeeder {
  return {
    ...seeder,
    async seed(context) {
      const { inserted, existing } = await seeder.seed(context);
      return { inserted: inserted + before, existing: existing - before };
    },
  };
}
