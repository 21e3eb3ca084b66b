import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { watchPolicy } from './bootstrap/after-migration.ts';
import { askAfterwards, lookAtDatabase } from './bootstrap/look.ts';
import { NOTHING_READ, readPolicy, refuseForgottenPolicy } from './bootstrap/read-policy.ts';
import { resolveSchemas } from './bootstrap/schemas.ts';
import { requireVerified } from './bootstrap/verify-live.ts';
import { quoteTable } from './database/catalog.ts';
import type { PoolLike } from './database/client.ts';
import { createKysely } from './database/dialect.ts';
import { acquireBootstrapLock } from './database/lock.ts';
import { asClient } from './database/own-queries.ts';
import { requireAllRows } from './database/privileges.ts';
import { answerTimeout, type Session, withGrace, withSession } from './database/session.ts';
import {
  type AnyKysely,
  type AnyTransaction,
  inWriteTransaction,
  markTransaction,
  setSearchPath,
  stayAwake,
} from './database/transaction.ts';
import { explainFailure } from './failure/explain-failure.ts';
import { findConflict, retryConflicts } from './failure/retry.ts';
import { type Migrated, migrateDatabase } from './migrator/migrate.ts';
import { PACKAGE_LIST } from './migrator/migration.ts';
import { type ResolvedOptions, requireFitting, resolveOptions, withRuleTable } from './options/resolve.ts';
import type { BootstrapOptions } from './options.ts';
import type { BootstrapReport } from './report.ts';
import { reportSeeded, runSeeders, shareContext } from './seeding/run.ts';
import { findRuleTable } from './tables/find-rule-table.ts';

type Outcome = Omit<BootstrapReport, 'dryRun' | 'durationMs'>;

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

/** The same with options that are resolved, as many databases may share them. */
export async function bootstrapResolved(
  pool: PoolLike,
  options: ResolvedOptions,
): Promise<Omit<BootstrapReport, 'durationMs'>> {
  try {
    const limits = { ...options, answerTimeoutMs: answerTimeout(options) };
    const attempt = () => withSession(pool, (session) => bootstrapOnce(session, options), limits);
    return { dryRun: options.dryRun, ...(await retryConflicts(attempt, options.logger)) };
  } catch (error) {
    throw await explainFailure(error, options, null);
  }
}

async function bootstrapOnce(session: Session, options: ResolvedOptions): Promise<Outcome> {
  const db = createKysely(session, options);
  let known = options;
  const tell = (located: ResolvedOptions) => {
    known = located;
  };
  try {
    return (await confirmComplete(session, db, options)) ?? (await complete(session, db, options, tell));
  } catch (error) {
    throw findConflict(error, session) ?? (await explainFailure(error, known, session));
  }
}

/** Verifies a database in which nothing is missing, without a lock and without writing; null for any other. */
async function confirmComplete(
  session: Session,
  db: AnyKysely,
  given: ResolvedOptions,
): Promise<Outcome | null> {
  session.enter('the look at what is there');
  const complete = await lookAtDatabase(session, db, given);
  if (complete === null) return null;
  const { options, live } = complete;
  const verification = await requireVerified(askAfterwards(db, options.schema), options, live);
  const seeders = reportSeeded(options.seeders, options);
  return { changed: false, migrations: [], takeover: null, seeders, verification };
}

/** Is told the options for the rule table that was found, for what has to be said of a failure. */
type TellLocated = (options: ResolvedOptions) => void;

/** Adds what is missing, verifies, and commits; under `dryRun`, rolls back instead. */
async function complete(
  session: Session,
  db: AnyKysely,
  options: ResolvedOptions,
  tell: TellLocated,
): Promise<Outcome> {
  try {
    return await inWriteTransaction(db, async (trx) => {
      const outcome = await writeDatabase(session, db, trx, options, tell);
      if (options.dryRun) throw new DryRunEnded(outcome);
      session.enter('the commit');
      return outcome;
    });
  } catch (error) {
    if (error instanceof DryRunEnded) return error.outcome;
    throw error;
  }
}

/** Thrown to have the transaction rolled back. */
class DryRunEnded extends Error {
  readonly outcome: Outcome;

  constructor(outcome: Outcome) {
    super('Dry run');
    this.outcome = outcome;
  }
}

/**
 * Migrates, seeds and verifies in the transaction `trx`, which was just begun on `db`, as the only bootstrap of
 * its schema. Whether any of it stays is for the caller to say, by the commit.
 */
async function writeDatabase(
  session: Session,
  db: AnyKysely,
  trx: AnyTransaction,
  given: ResolvedOptions,
  tell: TellLocated,
): Promise<Outcome> {
  session.enter('the beginning of the write transaction');
  const { schema, applicationSchema } = await resolveSchemas(trx, given);
  await setSearchPath(trx, schema);
  await markTransaction(trx);
  session.enter('the lock of the bootstrap');
  await session.within(withGrace(given.lockTimeoutMs), () => acquireBootstrapLock(trx, schema));
  session.enter('the migrations');
  const found = await findRuleTable(asClient(trx), schema, given.table);
  const options = withRuleTable({ ...given, schema }, found.table);
  tell(options);
  requireFitting(options);
  await requireAllRows(trx, [found.table.sql, quoteTable(PACKAGE_LIST.tableName, schema)]);
  if (!found.isMissing) await refuseForgottenPolicy(trx, options);
  const migrated = await migrateDatabase(db, trx, {
    ...options,
    schema,
    applicationSchema,
    isRuleTableMissing: found.isMissing,
    watch: () => watchPolicy(trx, found.isMissing ? null : options),
  });
  // A migration of the application may have changed it.
  const choice = found.isMissing ? given.table : { ...given.table, name: found.table.name };
  const { table } = await findRuleTable(asClient(trx), schema, choice);
  return seedAndVerify(session, trx, withRuleTable(options, table), migrated);
}

/** The rest, on the rule table that is there by now. */
async function seedAndVerify(
  session: Session,
  trx: AnyTransaction,
  options: ResolvedOptions,
  { applied, takeover, firstRun }: Migrated,
): Promise<Outcome> {
  const { logger, progress, dryRun, schema, ruleTable } = options;
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

  const context = shareContext({ db: trx, logger, schema, firstRun, dryRun, ruleTable });
  const enter = (seeder: string) => session.enter(`seeder "${seeder}"`);
  const seeders = await runSeeders(options.seeders, context, progress, enter);
  session.enter('the verification');
  // What a deferred trigger does, it does now: at the commit, nobody would verify it.
  await sql`set constraints all immediate`.execute(trx);
  const live = options.verify === null ? NOTHING_READ : await readPolicy(trx, options);
  const verification = await stayAwake(trx, options, () => requireVerified((ask) => ask(trx), options, live));

  const changed = applied.length > 0 || takeover !== null || seeders.some(({ inserted }) => inserted > 0);
  if (changed) await announceChange(trx, options.notifyChannel);
  const migrations = applied.map((name) => ({ name, status: 'applied' as const }));
  return { changed, migrations, takeover, seeders, verification };
}

/**
 * Tells listeners to reload. Delivered at the commit, once, and not at all after a rollback.
 *
 * The payload is what casbin-pg-watcher 0.1 expects: a `source` that is none of its own, and the time.
 */
async function announceChange(trx: AnyTransaction, channel: string | null): Promise<void> {
  if (channel === null) return;
  const payload = JSON.stringify({ source: `casbin-bootstrap-${randomUUID()}`, now: new Date() });
  await sql`select pg_notify(${channel}, ${payload})`.execute(trx);
}
