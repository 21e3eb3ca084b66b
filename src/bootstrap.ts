import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { watchPolicy } from './bootstrap/after-migration.ts';
import {
  chooseScope,
  type LivePolicy,
  NOTHING_READ,
  readPolicy,
  readScope,
  refuseForgottenPolicy,
  ruleCountExpression,
} from './bootstrap/read-policy.ts';
import { resolveSchemas } from './bootstrap/schemas.ts';
import { requireVerified } from './bootstrap/verify-live.ts';
import { tableIn } from './database/catalog.ts';
import type { PoolLike } from './database/client.ts';
import { createKysely } from './database/dialect.ts';
import { acquireBootstrapLock } from './database/lock.ts';
import {
  type HiddenRows,
  hiddenRowsColumns,
  refuseHiddenRows,
  requireAllRows,
} from './database/privileges.ts';
import { answerTimeout, type Session, withGrace, withSession } from './database/session.ts';
import { isAbsence } from './database/sqlstates.ts';
import { LookAbandoned, StepFailure } from './database/step-failure.ts';
import {
  type AnyKysely,
  type AnyTransaction,
  inReadOnlyTransaction,
  inWriteTransaction,
  markTransaction,
  searchPathExpression,
  stayAwake,
} from './database/transaction.ts';
import { explainFailure } from './failure/explain-failure.ts';
import { findConflict, retryConflicts } from './failure/retry.ts';
import { migrateDatabase } from './migrator/migrate.ts';
import { PACKAGE_LIST } from './migrator/migration.ts';
import { type ResolvedOptions, resolveOptions } from './options/resolve.ts';
import type { BootstrapOptions } from './options.ts';
import type { BootstrapReport } from './report.ts';
import { bindContext, reportSeeded, runSeeders, type SharedContext, shareContext } from './seeding/run.ts';
import type { Seeder } from './seeding/seeder.ts';
import { createSeedingAdapter } from './tables/adapter.ts';

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
  try {
    return (await confirmComplete(session, db, options)) ?? (await complete(session, db, options));
  } catch (error) {
    throw findConflict(error, session) ?? (await explainFailure(error, options, session));
  }
}

/** Verifies a database in which nothing is missing, without a lock and without writing; null for any other. */
async function confirmComplete(
  session: Session,
  db: AnyKysely,
  options: ResolvedOptions,
): Promise<Outcome | null> {
  try {
    session.enter('the look at what is there');
    return await inReadOnlyTransaction(db, async (trx) => {
      const look = await lookAtDatabase(session, trx, options);
      if (!look.complete) return null;
      const verification = await stayAwake(trx, options, () => requireVerified(trx, options, look.live));
      const seeders = reportSeeded(options.seeders, look.context, options.progress);
      return { changed: false, migrations: [], takeover: null, seeders, verification };
    });
  } catch (error) {
    const isAbandoned = error instanceof StepFailure && error.cause instanceof LookAbandoned;
    if (isAbandoned || isAbsence(error)) return null;
    throw error;
  }
}

/** Adds what is missing, verifies, and commits; under `dryRun`, rolls back instead. */
async function complete(session: Session, db: AnyKysely, options: ResolvedOptions): Promise<Outcome> {
  try {
    return await inWriteTransaction(db, async (trx) => {
      const outcome = await writeDatabase(session, db, trx, options);
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

/** What a database has, seen without changing anything. */
interface Look {
  /** Whether nothing is missing. */
  readonly complete: boolean;
  readonly live: LivePolicy;
  readonly context: SharedContext;
}

/**
 * Looks whether anything is missing, in the transaction `trx`. For the default seeders in three queries: the
 * migrations, the policy, the providers.
 *
 * Throws 42P01 or 3F000 when a table or the schema is missing.
 */
async function lookAtDatabase(
  session: Session,
  trx: AnyTransaction,
  options: ResolvedOptions,
): Promise<Look> {
  const { logger, schema, dryRun } = options;
  const context = shareContext({ db: trx, logger, schema, firstRun: false, dryRun }, () =>
    createSeedingAdapter(session.client, { schema }),
  );
  const { packageNames, applicationNames, rules } = await readState(trx, options);
  const pending = [
    ...pendingNames(options.packageMigrations, packageNames),
    ...pendingNames(options.applicationMigrations, applicationNames),
  ];
  if (pending.length > 0) return { complete: false, live: NOTHING_READ, context };

  const live = await readScope(trx, chooseScope(options, rules), options);
  if (options.defined.without(live.rules).length > 0) return { complete: false, live, context };
  for (const seeder of options.seeders) {
    if (!seeder.isPolicy && !(await isSeeded(seeder, context, options)))
      return { complete: false, live, context };
  }
  logUnknown(options, packageNames, applicationNames);
  return { complete: true, live, context };
}

interface State {
  readonly packageNames: readonly string[];
  readonly applicationNames: readonly string[];
  readonly rules: number;
}

/** Sets the search_path and reads the migrations in one round trip; tables are qualified, as the path is not set yet. */
async function readState(trx: AnyTransaction, options: ResolvedOptions): Promise<State> {
  const names = (table: string) =>
    sql`(select coalesce(json_agg(name), '[]') from ${tableIn(options.schema, table)})`;
  const none = sql`'[]'::json`;
  const { rows } = await sql<State & HiddenRows>`
    select
      ${options.packageMigrations === null ? none : names(PACKAGE_LIST.tableName)} as "packageNames",
      ${options.applicationMigrations === null ? none : names(options.applicationList.tableName)} as "applicationNames",
      ${ruleCountExpression(options, options.schema)} as rules,
      ${hiddenRowsColumns(options.schema, ['casbin', PACKAGE_LIST.tableName])},
      ${searchPathExpression(options.schema)}
  `.execute(trx);
  const [state] = rows;
  if (state === undefined) throw new Error('the database gave no answer');
  refuseHiddenRows(state);
  return state;
}

function pendingNames(migrations: object | null, applied: readonly string[]): string[] {
  return Object.keys(migrations ?? {}).filter((name) => !applied.includes(name));
}

async function isSeeded(
  seeder: Seeder,
  context: SharedContext,
  { progress }: ResolvedOptions,
): Promise<boolean> {
  const { name, total = 0 } = seeder;
  try {
    return (await seeder.isSeeded?.(bindContext(context, progress.start('read', total, name)))) ?? false;
  } catch (error) {
    throw new StepFailure({ kind: 'seeder', name: seeder.name }, error);
  }
}

/** Names that a newer release has applied: none of our business, as nothing of our own is pending. */
function logUnknown(
  options: ResolvedOptions,
  packageNames: readonly string[],
  applicationNames: readonly string[],
) {
  const unknown = [
    ...packageNames.filter((name) => !Object.hasOwn(options.packageMigrations ?? {}, name)),
    ...applicationNames.filter((name) => !Object.hasOwn(options.applicationMigrations ?? {}, name)),
  ];
  if (unknown.length === 0) return;
  options.logger.info(
    { event: 'unknown_migrations', names: unknown },
    'Migrations of another release are applied',
  );
}

/**
 * Migrates, seeds and verifies in the transaction `trx`, which was just begun on `db`, as the only bootstrap of
 * its schema. Whether any of it stays is for the caller to say, by the commit.
 */
async function writeDatabase(
  session: Session,
  db: AnyKysely,
  trx: AnyTransaction,
  options: ResolvedOptions,
): Promise<Omit<BootstrapReport, 'dryRun' | 'durationMs'>> {
  const { logger, progress, dryRun } = options;
  session.enter('the beginning of the write transaction');
  const { schema, applicationSchema } = await resolveSchemas(trx, options);
  await sql`select ${searchPathExpression(schema)}`.execute(trx);
  await markTransaction(trx);
  session.enter('the lock of the bootstrap');
  await session.within(withGrace(options.lockTimeoutMs), () => acquireBootstrapLock(trx, schema));
  session.enter('the migrations');
  await requireAllRows(trx, schema, ['casbin', PACKAGE_LIST.tableName]);
  await refuseForgottenPolicy(trx, schema, options);

  const { applied, takeover, firstRun } = await migrateDatabase(db, trx, {
    ...options,
    schema,
    applicationSchema,
    watch: () => watchPolicy(trx, schema, options),
  });
  for (const name of applied) {
    logger.info(
      { event: 'migration_applied', name },
      dryRun ? 'Would apply the migration' : 'Migration applied',
    );
  }
  if (takeover !== null) {
    logger.warn(
      { event: 'table_taken_over', ...takeover },
      dryRun ? 'Would take over the existing casbin table' : 'Existing casbin table taken over',
    );
  }

  const context = shareContext({ db: trx, logger, schema, firstRun, dryRun }, () =>
    createSeedingAdapter(session.client, { schema }),
  );
  const enter = (seeder: string) => session.enter(`seeder "${seeder}"`);
  const seeders = await runSeeders(options.seeders, context, progress, enter);
  session.enter('the verification');
  // What a deferred trigger does, it does now: at the commit, nobody would verify it.
  await sql`set constraints all immediate`.execute(trx);
  const live = options.verify === null ? NOTHING_READ : await readPolicy(trx, options);
  const verification = await stayAwake(trx, options, () => requireVerified(trx, options, live));

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
