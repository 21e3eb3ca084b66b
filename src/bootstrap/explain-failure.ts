import {
  CommitOutcomeUnknown,
  CommittedNothing,
  createKysely,
  NestedTransactionRefused,
} from '../database/dialect.ts';
import { findLockHolders } from '../database/lock.ts';
import { findPrivilegeRemedies } from '../database/privileges.ts';
import { ConnectFailure, isConnectionLoss, type Session } from '../database/session.ts';
import { errorCode, SQLSTATE } from '../database/sqlstates.ts';
import { type Step, StepFailure, TransactionEnded } from '../database/step-failure.ts';
import {
  BootstrapError,
  ConnectionError,
  DatabaseError,
  LockTimeoutError,
  MigrationError,
  SeederError,
} from '../errors.ts';
import { APPLICATION_MIGRATION_TABLE, PACKAGE_MIGRATION_TABLE } from '../migration/run.ts';
import type { ResolvedOptions } from '../options/resolve.ts';
import { explainConnectFailure } from './explain-connect-failure.ts';

/**
 * Turns whatever ended an attempt into an error of this library: what happened, where, and what to do. The
 * transaction is over by now; the session, where it still works, is asked for what the message needs.
 */
export async function explainFailure(
  error: unknown,
  options: ResolvedOptions,
  session: Session | null,
): Promise<BootstrapError> {
  if (error instanceof BootstrapError) return error;
  if (error instanceof ConnectFailure) return explainConnectFailure(error.cause);
  if (error instanceof CommitOutcomeUnknown) return explainUnknownOutcome(error);
  const step = error instanceof StepFailure ? error.step : null;
  const cause = error instanceof StepFailure ? error.cause : error;
  if (cause instanceof BootstrapError) return cause;
  if (session?.broken || isConnectionLoss(cause)) return explainLoss(cause);
  return (
    explainStep(step, cause) ??
    (await explainSqlstate(step, cause, options, session)) ??
    explainRest(step, cause)
  );
}

function explainUnknownOutcome(error: Error): ConnectionError {
  return new ConnectionError(
    'OUTCOME_UNKNOWN',
    'The connection was lost during the commit, so it is not known whether the database was changed: all of it was, or nothing. Run it again, which is safe in both cases.',
    { cause: error.cause },
  );
}

function explainLoss(cause: unknown): ConnectionError {
  return new ConnectionError(
    'CONNECTION_LOST',
    `The connection was lost (${messageOf(cause)}). Nothing was changed. Run it again.`,
    { cause },
  );
}

/** Faults that only a migration or a seeder can have. */
function explainStep(step: Step | null, cause: unknown): BootstrapError | null {
  const endedBySelf = cause instanceof TransactionEnded;
  const code = errorCode(cause);
  if (step?.kind === 'migration') {
    const name = step.name ?? '(unknown)';
    if (cause instanceof NestedTransactionRefused || endedBySelf) {
      const done = endedBySelf ? 'What it and those before it wrote was committed' : 'Nothing was changed';
      const message = `Migration "${name}" must not begin, commit or roll back a transaction: it runs in the one of the bootstrap. ${done}. Remove its transaction statements, or run it by your own tool before and pass migrations: false.`;
      return new MigrationError('MIGRATION_ENDED_TRANSACTION', step.name, message, { cause });
    }
    if (code === SQLSTATE.ACTIVE_SQL_TRANSACTION || code === SQLSTATE.UNSAFE_NEW_ENUM_VALUE_USAGE) {
      const message = `Migration "${name}" can't run ${code === SQLSTATE.ACTIVE_SQL_TRANSACTION ? 'in a transaction' : 'in the same transaction as the one that added the enum value'} (${messageOf(cause)}), and a bootstrap is one transaction. Nothing was changed. Run your migrations by your own tool before, and pass migrations: false.`;
      return new MigrationError('MIGRATION_NOT_TRANSACTIONAL', step.name, message, { cause });
    }
  }
  if (step?.kind === 'seeder' && (cause instanceof NestedTransactionRefused || endedBySelf)) {
    const done = endedBySelf ? 'What was written before was committed' : 'Nothing was changed';
    const message = `Seeder "${step.name}" must not begin, commit or roll back a transaction: it runs in the one of the bootstrap. ${done}. Use the db that it is given.`;
    return new SeederError(step.name ?? '', message, { cause });
  }
  return null;
}

/** Faults that PostgreSQL has a code for. */
async function explainSqlstate(
  step: Step | null,
  cause: unknown,
  options: ResolvedOptions,
  session: Session | null,
): Promise<BootstrapError | null> {
  const reported = `${describeStep(step)}${messageOf(cause)}`;
  switch (errorCode(cause)) {
    case SQLSTATE.LOCK_NOT_AVAILABLE:
      return explainLockTimeout(cause, options, session);
    case SQLSTATE.QUERY_CANCELED:
      return new DatabaseError(
        'STATEMENT_TIMEOUT',
        `${reported}. Nothing was changed. Raise statementTimeoutMs, or the statement_timeout of the role.`,
        { cause },
      );
    case SQLSTATE.READ_ONLY_SQL_TRANSACTION:
      return new DatabaseError(
        'READ_ONLY_DATABASE',
        `There is something to do, and the server only reads (${reported}). Run the bootstrap on the primary once; then it works here too.`,
        { cause },
      );
    case SQLSTATE.INSUFFICIENT_PRIVILEGE: {
      const remedies =
        session === null
          ? []
          : await findPrivilegeRemedies(createKysely(session), options.schema, tablesOf(options));
      const what =
        remedies.length === 0
          ? 'Grant what is missing, or run it as the owner.'
          : `One of the following is needed:\n${remedies.map((remedy) => `  ${remedy}`).join('\n')}`;
      return new DatabaseError(
        'PERMISSION_DENIED',
        `A privilege is missing: ${reported}. Nothing was changed. ${what}`,
        { cause },
      );
    }
    case SQLSTATE.INVALID_SCHEMA_NAME:
    case SQLSTATE.UNDEFINED_TABLE:
      return new DatabaseError(
        'TABLE_MISSING',
        `${reported}. Nothing was changed. ${options.packageMigrations === null ? 'With migrations: false another tool must have made all tables before: run it, or leave the option out, so that they are made here.' : 'Add a migration that makes it, to the seeder or to the migrations option.'}`,
        { cause },
      );
    case SQLSTATE.UNDEFINED_COLUMN:
      return new DatabaseError(
        'COLUMN_MISSING',
        `${reported}. Nothing was changed. Add it by a migration, or correct its name.`,
        { cause },
      );
    case SQLSTATE.INVALID_COLUMN_REFERENCE:
      return new DatabaseError(
        'UNIQUE_CONSTRAINT_MISSING',
        `${reported}. Nothing was changed. Rows are told apart by their key, so the table needs a unique constraint on exactly those columns.`,
        { cause },
      );
    case SQLSTATE.PROGRAM_LIMIT_EXCEEDED:
      return new DatabaseError(
        'RULE_TOO_LONG',
        `${reported}. Nothing was changed. A rule must fit into an index, about 2.7 kB: shorten its values.`,
        { cause },
      );
    default:
      return null;
  }
}

async function explainLockTimeout(
  cause: unknown,
  options: ResolvedOptions,
  session: Session | null,
): Promise<LockTimeoutError> {
  const holders =
    session === null ? [] : await findLockHolders(createKysely(session), options.schema, tablesOf(options));
  const list = holders
    .map(({ pid, applicationName, since }) => {
      const when = since === null ? '' : `, in a transaction since ${since.toISOString()}`;
      return `pid ${pid} (${applicationName === '' ? 'no application_name' : applicationName}${when})`;
    })
    .join('; ');
  const holder = list === '' ? 'Whoever held it has let go since' : `It is held by ${list}`;
  return new LockTimeoutError(
    `A lock was not granted within ${options.lockTimeoutMs} ms. Nothing was changed. ${holder}. Wait for it and run again, raise lockTimeoutMs, or end it with pg_terminate_backend.`,
    holders,
    { cause },
  );
}

function explainRest(step: Step | null, cause: unknown): BootstrapError {
  const message = `${describeStep(step)}${messageOf(cause)}. Nothing was changed.`;
  if (step?.kind === 'seeder') return new SeederError(step.name ?? '', message, { cause });
  if (step?.kind === 'migration')
    return new MigrationError('MIGRATION_FAILED', step.name, message, { cause });
  if (cause instanceof CommittedNothing) return new DatabaseError('CONFLICT', message, { cause });
  return new DatabaseError('CONFLICT', `The database refused: ${message}`, { cause });
}

function describeStep(step: Step | null): string {
  if (step === null) return '';
  const kind = step.kind === 'seeder' ? 'Seeder' : 'Migration';
  return step.name === null ? `${kind}s failed: ` : `${kind} "${step.name}" failed: `;
}

function tablesOf(options: ResolvedOptions): string[] {
  const own =
    options.packageMigrations === null ? [] : [PACKAGE_MIGRATION_TABLE, `${PACKAGE_MIGRATION_TABLE}_lock`];
  const application =
    options.applicationMigrations === null
      ? []
      : [APPLICATION_MIGRATION_TABLE, `${APPLICATION_MIGRATION_TABLE}_lock`];
  return [...options.seeders.flatMap(({ table }) => table ?? []), ...own, ...application];
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
