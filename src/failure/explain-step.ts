import { createKysely } from '../database/dialect.ts';
import { NestedTransactionRefused, TransactionAborted } from '../database/refused-statement.ts';
import type { Session } from '../database/session.ts';
import { errorCode, SQLSTATE } from '../database/sqlstates.ts';
import { SettingsReset, type Step, TransactionEnded } from '../database/step-failure.ts';
import type { AnyKysely } from '../database/transaction.ts';
import type { BootstrapErrorCode } from '../error-codes.ts';
import { type BootstrapError, MigrationError, SeederError } from '../errors.ts';
import type { ResolvedOptions } from '../options/resolved-options.ts';
import { reasonOf } from '../text.ts';
import { attemptsFor, isConflict, isPassing } from './retry.ts';

/** What ended an attempt, and in whose part of it. */
export interface Failure {
  /** Null outside of every migration and seeder. */
  readonly step: Step | null;
  readonly cause: unknown;
  /** What the attempt was about: what only reads needs no privileges to write. Default: a bootstrap. */
  readonly work?: FailedWork;
}

/** An inspection reads rules; a status, which migrations are applied as well. */
export type FailedWork = 'bootstrap' | Inspection;
export type Inspection = 'inspection' | 'status';

/** The failure as a clause: `Seeder "providers" failed: connection terminated`. */
export function describeFailure({ step, cause }: Failure): string {
  if (step === null) return reasonOf(cause);
  if (step.name === null) return `The migrations failed: ${reasonOf(cause)}`;
  return `${nameStep(step)} failed: ${reasonOf(cause)}`;
}

/**
 * Faults that only a migration or a seeder can have: it ends the transaction, takes its settings away, leaves it
 * aborted, or needs another one.
 */
export function explainTransactionMisuse({ step, cause }: Failure): BootstrapError | null {
  if (step === null) return null;
  const fail = (code: BootstrapErrorCode, message: string) => stepError(step, code, message, cause);
  const name = nameStep(step);
  const ownTool =
    'run your migrations with your own tool first, and do not give them here (or give migrations: false, if that tool makes the tables of this library too)';
  const remedy =
    step.kind === 'migration'
      ? `Remove its transaction statements, or ${ownTool}.`
      : 'Use the db that it gets.';
  if (cause instanceof NestedTransactionRefused) {
    const message = `${name} must not begin, commit or roll back a transaction, because it runs in the transaction of the bootstrap: ${reasonOf(cause)}. Nothing was changed. ${remedy}`;
    return fail('MIGRATION_ENDED_TRANSACTION', message);
  }
  if (cause instanceof TransactionEnded) {
    const message = `${name} must not begin, commit or roll back a transaction, but it ended the transaction of the bootstrap. A part of the changes may be committed. ${remedy} Then run again, which adds what is missing.`;
    return fail('MIGRATION_ENDED_TRANSACTION', message);
  }
  if (cause instanceof SettingsReset) {
    const message = `${name} must not reset all settings, because the transaction of the bootstrap has some of its own. Nothing was changed. Reset the settings one by one.`;
    return fail('MIGRATION_FAILED', message);
  }
  if (cause instanceof TransactionAborted) {
    const message = `${name} caught an SQL error and continued, but PostgreSQL had aborted the transaction: ${reasonOf(cause.cause)}. Nothing was changed. Let it throw, or avoid the error (if not exists, on conflict do nothing).`;
    return fail('MIGRATION_FAILED', message);
  }
  const code = errorCode(cause);
  if (code === SQLSTATE.ACTIVE_SQL_TRANSACTION || code === SQLSTATE.UNSAFE_NEW_ENUM_VALUE_USAGE) {
    const alone = code === SQLSTATE.ACTIVE_SQL_TRANSACTION;
    const where = alone ? 'in a transaction' : 'in the transaction that adds the enum value';
    const message = `${name} can't run ${where} (${reasonOf(cause)}), and a bootstrap is one transaction. Nothing was changed. ${step.kind === 'migration' ? `Instead, ${ownTool}.` : 'Do that part outside of the bootstrap, before or after it.'}`;
    return fail('MIGRATION_NOT_TRANSACTIONAL', message);
  }
  return null;
}

/** Any other failure of a migration or a seeder, by its name and its own reason. */
export function explainStepFailure(failure: Failure, options: ResolvedOptions): BootstrapError | null {
  const { step, cause } = failure;
  if (step === null) return null;
  const message = isConflict(cause)
    ? `${describeFailure(failure)}. It was tried ${attemptsFor(cause)} times. Nothing was changed. ${remedyForConflict(cause)}`
    : `${describeFailure(failure)}. Nothing was changed.${remedyForList(failure, options)}`;
  return stepError(step, 'MIGRATION_FAILED', message, cause);
}

/** A conflict at each attempt is probably the step's own fault, if it can be. */
function remedyForConflict(cause: unknown): string {
  return isPassing(cause)
    ? 'Run it again.'
    : 'If nobody else writes the same, correct what it writes, or let it skip what is already there (if not exists, on conflict do nothing); else run it again.';
}

/** What to do about names that Kysely's Migrator does not expect; empty for other failures. */
function remedyForList({ step, cause }: Failure, { applicationList }: ResolvedOptions): string {
  const isAboutNames = step?.name === null && /^corrupted migrations/.test(reasonOf(cause));
  if (!isAboutNames) return '';
  return ` Give each applied migration under the name that table "${applicationList.tableName}" has. If it was renamed, rename it there too. If a new one may run before applied ones, give allowUnorderedMigrations.`;
}

/** `migrationCode` is for migrations: a seeder's failures all have one code. */
function stepError(
  { kind, name }: Step,
  migrationCode: BootstrapErrorCode,
  message: string,
  cause: unknown,
): BootstrapError {
  if (kind === 'migration') return new MigrationError(migrationCode, name, message, { cause });
  return new SeederError(name ?? '', message, { cause });
}

function nameStep({ kind, name }: Step): string {
  return `${kind === 'seeder' ? 'Seeder' : 'Migration'} "${name ?? '(unnamed)'}"`;
}

/**
 * Asks the session for the facts of a message, after its transaction is over. The answer is `unknown` if there is no
 * session, or it does not work any more: the first error matters more than one of this question.
 */
export async function inquire<T>(
  session: Session | null,
  unknown: T,
  question: (db: AnyKysely) => Promise<T>,
): Promise<T> {
  if (session === null || session.broken !== null) return unknown;
  return question(createKysely(session)).catch(() => unknown);
}
