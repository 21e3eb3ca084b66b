import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { providerMigrations } from '../migrations/index.ts';
import { watchPolicy } from './bootstrap/after-migration.ts';
import { inSteps, type StepsTaken } from './bootstrap/in-steps.ts';
import { createAskFurther, lookAtDatabase } from './bootstrap/look.ts';
import { findEngine, onRightEngine } from './bootstrap/on-right-engine.ts';
import { refuseForgottenPolicy } from './bootstrap/policy-missing.ts';
import { NOTHING_READ, readPolicy } from './bootstrap/read-policy.ts';
import { resolveSchemas } from './bootstrap/schemas.ts';
import { logOwnership, settleOwnership } from './bootstrap/settle-ownership.ts';
import { requireVerified } from './bootstrap/verify-live.ts';
import type { BootstrapReport, EngineReport } from './bootstrap-report.ts';
import { quoteTable } from './database/catalog.ts';
import { setChangeContext } from './database/change-context.ts';
import { refuseWorker } from './database/citus.ts';
import type { PoolLike } from './database/client.ts';
import { createKysely } from './database/dialect.ts';
import { acquireBootstrapLock } from './database/lock.ts';
import { asClient } from './database/own-queries.ts';
import { requireAllRows } from './database/privileges.ts';
import { type Session, withGrace, withSession } from './database/session.ts';
import { restoreSettings } from './database/settings.ts';
import {
  type AnyKysely,
  type AnyTransaction,
  inWriteTransaction,
  markTransaction,
  stayAwake,
} from './database/transaction.ts';
import { explainFailure } from './failure/explain-failure.ts';
import { findConflict, retryConflicts } from './failure/retry.ts';
import { type Migrated, migrateDatabase } from './migrator/migrate.ts';
import { PACKAGE_LIST } from './migrator/migration.ts';
import { findList } from './migrator/recorded-migrations.ts';
import { resolveOptions } from './options/resolve.ts';
import { type ResolvedOptions, requireFitting, withRuleTable } from './options/resolved-options.ts';
import type { BootstrapOptions } from './options.ts';
import { reportSeeded, runSeeders, shareContext } from './seeding/run.ts';
import type { RunnableSeeder } from './seeding/seeder.ts';
import { findRuleTable } from './tables/find-rule-table.ts';
import { journalMigrationOf, renewJournal } from './tables/recording.ts';

type BootstrapOutcome = Omit<BootstrapReport, 'dryRun' | 'durationMs'>;

/**
 * Brings a database to the state in which an application may start: schema migrated, roles, permissions, role
 * hierarchy and reference data present, and Casbin's enforcer confirming the decisions. All of it, or nothing.
 *
 * It only adds: what is there, administrators' changes included, stays as it is. Safe to run on every start of
 * every instance, at the same time; with nothing to do it takes no lock and writes nothing.
 *
 * @param pool where one connection is taken from; a pool of size 1 is enough
 * @throws InvalidOptionsError for anything wrong with the options, before the database is touched
 * @throws BootstrapError for everything else, typed by class and `code`; the database is then as it was, except
 *   where the message says otherwise (`OUTCOME_UNKNOWN`, `MIGRATION_ENDED_TRANSACTION`)
 */
export async function bootstrapDatabase(
  pool: PoolLike,
  options: BootstrapOptions = {},
): Promise<BootstrapReport> {
  const started = performance.now();
  const outcome = await bootstrapResolved(pool, await resolveOptions(pool, options));
  return { ...outcome, durationMs: performance.now() - started };
}

/** The same with resolved options, which many databases may share. */
export async function bootstrapResolved(
  pool: PoolLike,
  options: ResolvedOptions,
): Promise<Omit<BootstrapReport, 'durationMs'>> {
  try {
    // Where each step is committed by itself, the next attempt goes on from there.
    const steps: StepsTaken = { migrated: null };
    const attempt = () => withSession(pool, (session) => bootstrapOnce(session, options, steps), options);
    return { dryRun: options.dryRun, ...(await retryConflicts(attempt, options.logger)) };
  } catch (error) {
    throw await explainFailure(error, options, null);
  }
}

async function bootstrapOnce(
  session: Session,
  options: ResolvedOptions,
  steps: StepsTaken,
): Promise<BootstrapOutcome> {
  let known = options;
  const tell = (located: ResolvedOptions) => {
    known = located;
  };
  try {
    const confirmed = await onRightEngine(session, options, (on) => confirmComplete(session, on));
    return confirmed ?? (await addMissing(session, await findEngine(session, options), steps, tell));
  } catch (error) {
    throw findConflict(error, session) ?? (await explainFailure(error, known, session));
  }
}

/** Verifies a database in which nothing is missing, without a lock and without writing; null for any other. */
async function confirmComplete(session: Session, given: ResolvedOptions): Promise<BootstrapOutcome | null> {
  session.enter('the look at what is there');
  const complete = await lookAtDatabase(session, given);
  if (complete === null) return null;
  const { options, live, ownership } = complete;
  if (ownership !== null) logOwnership(ownership, options);
  const verification = await requireVerified(createAskFurther(session, options), options, live);
  const seeders = reportSeeded(options.seeders, options);
  const engine = reportEngine(options);
  return { changed: false, migrations: [], takeover: null, ownership, seeders, verification, engine };
}

/** Called with the options for the rule table that was found, which the message of a failure needs. */
type TellLocated = (options: ResolvedOptions) => void;

/** Adds what is missing, and verifies it. */
function addMissing(
  session: Session,
  options: ResolvedOptions,
  steps: StepsTaken,
  tell: TellLocated,
): Promise<BootstrapOutcome> {
  tell(options);
  const remembersSettings = runsForeignCode(options) && !options.engine.commitsDdl;
  const db = createKysely(session, { ...options, remembersSettings });
  const write = (work: (trx: AnyTransaction) => Promise<BootstrapOutcome>) =>
    commitWork(session, db, options, work);
  if (!options.engine.commitsDdl) return write((trx) => writeDatabase(session, db, trx, options, tell));
  return inSteps(session, db, options, steps, tell, ({ options: located, migrated, keepLock }) =>
    write(async (trx) => {
      await markTransaction(trx, located.schema);
      await keepLock(trx);
      return seedAndVerify(session, trx, located, migrated);
    }),
  );
}

/** Whether migrations or seeders of the application run, which may set what they like for the session. */
function runsForeignCode({ applicationMigrations, seeders }: ResolvedOptions): boolean {
  const isForeign = ({ isPolicy, selectMissing, migrations = providerMigrations }: RunnableSeeder) =>
    !isPolicy && (selectMissing === undefined || migrations !== providerMigrations);
  return applicationMigrations !== null || seeders.some(isForeign);
}

/** Runs `work` in a transaction, and commits it; under `dryRun`, rolls back instead. */
async function commitWork(
  session: Session,
  db: AnyKysely,
  { dryRun }: ResolvedOptions,
  work: (trx: AnyTransaction) => Promise<BootstrapOutcome>,
): Promise<BootstrapOutcome> {
  try {
    return await inWriteTransaction(db, async (trx) => {
      session.enter('the beginning of the write transaction');
      const outcome = await work(trx);
      if (dryRun) throw new DryRunEnded(outcome);
      session.enter('the commit');
      return outcome;
    });
  } catch (error) {
    if (error instanceof DryRunEnded) return error.outcome;
    throw error;
  }
}

/** Thrown to roll the transaction back. */
class DryRunEnded extends Error {
  readonly outcome: BootstrapOutcome;

  constructor(outcome: BootstrapOutcome) {
    super('Dry run');
    this.outcome = outcome;
  }
}

/**
 * Migrates, seeds and verifies in the transaction `trx`, which was just begun on `db`, as the only bootstrap of
 * its schema. The caller commits it or rolls it back.
 */
async function writeDatabase(
  session: Session,
  db: AnyKysely,
  trx: AnyTransaction,
  given: ResolvedOptions,
  tell: TellLocated,
): Promise<BootstrapOutcome> {
  if (given.engine.name === 'citus') await refuseWorker(asClient(trx));
  const { schema, applicationSchema } = await resolveSchemas(trx, given);
  await markTransaction(trx, schema);
  session.enter('the lock of the bootstrap');
  await session.within(withGrace(given.lockTimeoutMs), () => acquireBootstrapLock(trx, schema));
  session.enter('the migrations');
  const found = await findRuleTable(asClient(trx), schema, given.table, given.engine);
  const options = withRuleTable({ ...given, schema }, found.table);
  tell(options);
  requireFitting(options);
  await requireAllRows(trx, [found.table.sql, quoteTable(PACKAGE_LIST.tableName, schema)]);
  if (!found.isMissing) await refuseForgottenPolicy(trx, options);
  // Without its table, a journal breaks every write, also those of the migrations and of the takeover.
  const repaired = found.isMissing ? [] : await repairJournal(trx, { ...options, schema });
  const migrated = await migrateDatabase(db, trx, {
    ...options,
    schema,
    applicationSchema,
    isRuleTableMissing: found.isMissing,
    watch: () => watchPolicy(trx, found.isMissing ? null : options),
  });
  // A migration of the application may have changed the rule table, or made another one.
  const { table, isMissing } = await findRuleTable(asClient(trx), schema, given.table, given.engine);
  const located = withRuleTable(options, table);
  // If its migration was applied earlier, a table that is missing now was dropped; the seeder reports that.
  const renewed =
    isMissing || !located.journal ? [] : await renewJournal(trx, located.packageMigrations, table);
  // A migration of the application may have the name of one of the package.
  const ran = [...repaired, ...migrated.applied];
  const applied = [...ran, ...renewed.filter((name) => !ran.includes(name))];
  const outcome = await seedAndVerify(session, trx, located, { ...migrated, applied });
  // At the end, because the limits of this transaction end with it.
  if (runsForeignCode(given)) await restoreSettings(asClient(trx));
  return outcome;
}

/** Makes the journal again where it was made before and does not record the rule table as it is. */
async function repairJournal(
  trx: AnyTransaction,
  { journal, packageMigrations, ruleTable, schema }: ResolvedOptions & { readonly schema: string },
): Promise<string[]> {
  if (!journal || packageMigrations === null) return [];
  const { applied } = await findList(trx, schema, PACKAGE_LIST);
  return applied.includes(journalMigrationOf(ruleTable))
    ? renewJournal(trx, packageMigrations, ruleTable)
    : [];
}

/** The rest, on the rule table that is there now. */
async function seedAndVerify(
  session: Session,
  trx: AnyTransaction,
  given: ResolvedOptions,
  migrated: Migrated,
): Promise<BootstrapOutcome> {
  const { applied, takeover, firstRun } = migrated;
  const { logger, progress, dryRun, schema, ruleTable } = given;
  for (const name of applied) {
    logger.info(
      { event: 'migration_applied', name },
      dryRun ? 'Would apply the migration' : 'Migration applied',
    );
  }
  if (takeover !== null) {
    logger.warn(
      { event: 'table_taken_over', ...takeover },
      dryRun ? 'Would take over the existing rule table' : 'Existing rule table taken over',
    );
  }

  if (given.engine.hasSettings) {
    const release = given.ownership?.version.toString();
    await setChangeContext(asClient(trx), { ...given.changedBy, release });
  }
  session.enter('what the policy retires and renames');
  const { options, report: ownership, hasChanged } = await settleOwnership(trx, given, migrated);
  // Decides while the server works. The verification awaits the same promise, and reports its error.
  options.promises.decide().catch(() => {});
  const context = shareContext({ db: trx, logger, schema, firstRun, dryRun, ruleTable });
  const enter = (seeder: string) => session.enter(`seeder "${seeder}"`);
  const seeders = await runSeeders(options.seeders, context, progress, enter, options.insertedRows);
  session.enter('the verification');
  // Deferred triggers run now: what they do at the commit would not be verified.
  if (!options.engine.commitsDdl) await sql`set constraints all immediate`.execute(trx);
  const live = options.verify === null ? NOTHING_READ : await readPolicy(trx, options);
  const verification = await stayAwake(trx, options, () => requireVerified((ask) => ask(trx), options, live));

  const changed =
    applied.length > 0 || takeover !== null || hasChanged || seeders.some(({ inserted }) => inserted > 0);
  if (changed && !options.engine.commitsDdl) await announceChange(trx, options.notifyChannel);
  const migrations = applied.map((name) => ({ name, status: 'applied' as const }));
  return { changed, migrations, takeover, ownership, seeders, verification, engine: reportEngine(options) };
}

function reportEngine({ engine: { name, limits } }: ResolvedOptions): EngineReport {
  return { name, limits };
}

/**
 * Tells listeners to reload. Delivered at the commit, once, and not at all after a rollback.
 *
 * The payload is what casbin-pg-watcher 0.1 expects: a `source` that is not the id of any watcher, and the time.
 */
async function announceChange(trx: AnyTransaction, channel: string | null): Promise<void> {
  if (channel === null) return;
  const payload = JSON.stringify({ source: `casbin-bootstrap-${randomUUID()}`, now: new Date() });
  await sql`select pg_notify(${channel}, ${payload})`.execute(trx);
}
