import { explainFailure } from './bootstrap/explain-failure.ts';
import { judge } from './bootstrap/judge.ts';
import { lookAtDatabase } from './bootstrap/look.ts';
import { findConflict, retryConflicts } from './bootstrap/retry.ts';
import { writeDatabase } from './bootstrap/write.ts';
import type { PoolLike } from './database/client.ts';
import { createKysely } from './database/dialect.ts';
import { answerTimeout, type Session, withSession } from './database/session.ts';
import { isAbsence } from './database/sqlstates.ts';
import { LookAbandoned, StepFailure } from './database/step-failure.ts';
import {
  type AnyKysely,
  inReadOnlyTransaction,
  inWriteTransaction,
  stayAwake,
} from './database/transaction.ts';
import { type ResolvedOptions, resolveOptions } from './options/resolve.ts';
import type { BootstrapOptions } from './options.ts';
import type { BootstrapReport } from './report.ts';
import { reportSeeded } from './seeding/run.ts';

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
      const verification = await stayAwake(trx, options, () => judge(trx, options, look.live));
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
