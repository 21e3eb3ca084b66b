import { explainConnectFailure } from '../database/connect-failure.ts';
import { CommitOutcomeUnknown, CommittedNothing } from '../database/dialect.ts';
import type { Engine } from '../database/engine.ts';
import { LockRowNotGranted } from '../database/lock-row.ts';
import { findHiddenSchemaRemedies } from '../database/privileges.ts';
import { TransactionAborted } from '../database/refused-statement.ts';
import { explainUnknownOutcome } from '../database/refused-work.ts';
import {
  ConnectFailure,
  isConnectionLoss,
  NoAnswer,
  type Session,
  WorkAbandoned,
} from '../database/session.ts';
import { errorCode, SQLSTATE } from '../database/sqlstates.ts';
import { StepFailure } from '../database/step-failure.ts';
import {
  BootstrapError,
  ConnectionError,
  DatabaseError,
  LockTimeoutError,
  MigrationBrokePolicyError,
  PermissionError,
  StoredRuleError,
} from '../errors.ts';
import type { ResolvedOptions } from '../options/resolved-options.ts';
import { escapeControls, reasonOf, shorten } from '../text.ts';
import { explainSqlstate } from './explain-sqlstate.ts';
import {
  describeFailure,
  explainStepFailure,
  explainTransactionMisuse,
  type FailedWork,
  type Failure,
  inquire,
} from './explain-step.ts';
import { attemptsFor, isConflict } from './retry.ts';

/**
 * Turns any error that ended an attempt into an error of this library: what happened, where, and what to do. The
 * transaction is over by now. If the session still works, it is asked for the facts of the message.
 *
 * @param work what failed; an inspection needs fewer privileges than a bootstrap
 */
export async function explainFailure(
  error: unknown,
  options: ResolvedOptions,
  session: Session | null,
  work: FailedWork = 'bootstrap',
): Promise<BootstrapError> {
  const explained = await explainAsOneTransaction(error, options, session, work);
  return options.engine.commitsDdl ? tellWhatStays(explained, options.engine) : explained;
}

/** If steps are committed one by one, the steps before the failing one stay. */
function tellWhatStays(error: BootstrapError, { title }: Engine): BootstrapError {
  error.message = error.message.replace(
    'Nothing was changed.',
    `On ${title} each step is committed by itself: the steps before this one stay, and the next run continues from there.`,
  );
  return error;
}

async function explainAsOneTransaction(
  error: unknown,
  options: ResolvedOptions,
  session: Session | null,
  work: FailedWork,
): Promise<BootstrapError> {
  if (error instanceof BootstrapError) {
    return error.code === 'SCHEMA_MISSING' ? await explainMissingSchema(error, session) : error;
  }
  if (error instanceof ConnectFailure) return explainConnectFailure(error.cause);
  if (error instanceof CommitOutcomeUnknown) return explainUnknownOutcome(error, 'Run it again');
  if (error instanceof WorkAbandoned) return explainLoss({ step: null, cause: error.cause }, null);
  if (error instanceof LockRowNotGranted) return explainLockRow(error, options);
  const failure = { ...readFailure(error, options), work };
  if (isSelfExplaining(failure.cause)) return failure.cause;
  // A seeder may have lost another connection, such as one to an API.
  const isLost = session === null ? isConnectionLoss(failure.cause) : session.broken !== null;
  if (isLost) return explainLoss(failure, session?.broken ?? null);
  return (
    explainTransactionMisuse(failure) ??
    (await explainSqlstate(failure, options, session)) ??
    explainStepFailure(failure, options) ??
    explainRest(failure, options)
  );
}

function readFailure(error: unknown, { seeders }: ResolvedOptions): Failure {
  const step = error instanceof StepFailure ? error.step : null;
  const cause = error instanceof StepFailure ? error.cause : error;
  // Kysely's Migrator ignores errors when it makes its tables; a commit that became a rollback has an earlier reason.
  const passedOver = cause instanceof TransactionAborted && step?.kind === 'migration' && step.name === null;
  const reason = passedOver || cause instanceof CommittedNothing ? (cause.cause ?? cause) : cause;
  // The adapter does not know that it is part of a bootstrap, so its remedies are for others.
  const seedsPolicy = seeders.some(({ name, isPolicy }) => isPolicy && name === step?.name);
  const unaware =
    reason instanceof DatabaseError && (isAboutTransaction(reason) || (seedsPolicy && isAboutTable(reason)));
  return { step, cause: unaware ? reason.cause : reason };
}

function isAboutTransaction({ code }: DatabaseError): boolean {
  return code === 'READ_ONLY_DATABASE' || code === 'TRANSACTION_ABORTED' || code === 'STATEMENT_TIMEOUT';
}

function isAboutTable({ code }: DatabaseError): boolean {
  return code === 'TABLE_MISSING' || code === 'UNIQUE_CONSTRAINT_MISSING';
}

/**
 * Errors of the library's own steps. An error that a seeder got from its own call of the library is a failure of the
 * seeder.
 */
function isSelfExplaining(cause: unknown): cause is BootstrapError {
  return (
    cause instanceof DatabaseError ||
    cause instanceof StoredRuleError ||
    cause instanceof MigrationBrokePolicyError
  );
}

function explainLockRow(cause: LockRowNotGranted, { lockTimeoutMs }: ResolvedOptions): LockTimeoutError {
  const { holder, since } = cause;
  const message = `The lock of another bootstrap was not granted within ${lockTimeoutMs} ms. Nothing was changed. It is held by ${holder}, since ${since.toISOString()}. Wait for it and run again, or raise lockTimeoutMs. If that process is gone, the lock is free 20 seconds after its last step.`;
  return new LockTimeoutError(message, [{ pid: null, applicationName: holder, since }], { cause });
}

function explainLoss(failure: Failure, broken: Error | null): ConnectionError {
  // An adapter does not know that it is part of a bootstrap.
  const cause = failure.cause instanceof ConnectionError ? failure.cause.cause : failure.cause;
  // Errors after the loss say only that there is no connection any more.
  const told = broken !== null && errorCode(cause) === undefined ? broken : cause;
  const lost = { ...failure, cause: told };
  const message = `The connection was lost: ${describeFailure(lost)}. Nothing was changed. ${remedyForLoss(told)}`;
  return new ConnectionError('CONNECTION_LOST', message, { cause: told });
}

/** Running it again helps only if the connection was lost by chance. */
function remedyForLoss(cause: unknown): string {
  if (cause instanceof NoAnswer) {
    return 'Run it again; if it fails again, check the network and the server. If a statement needs longer, raise statementTimeoutMs.';
  }
  switch (errorCode(cause)) {
    case SQLSTATE.IDLE_IN_TRANSACTION_TIMEOUT:
      return 'The server ends a transaction that waits too long for its next statement. Raise idleInTransactionTimeoutMs, or let seeders and migrations compute beforehand; they must not wait for another client of the same pool.';
    case SQLSTATE.TRANSACTION_TIMEOUT:
      return "The bootstrap takes longer than the server's transaction_timeout allows. Raise it for this role: alter role … set transaction_timeout = …;";
    case SQLSTATE.PROTOCOL_VIOLATION:
      return reasonOf(cause).includes('statement pooling')
        ? 'A bootstrap is one transaction: set pool_mode = transaction or session in PgBouncer, or connect to the server itself.'
        : 'Run it again; if it fails again, connect to the server itself, without a pooler.';
    default:
      return 'Run it again.';
  }
}

function explainRest({ cause }: Failure, options: ResolvedOptions): BootstrapError {
  if (isConflict(cause)) {
    const message = `Another session wrote the same data at the same time, ${attemptsFor(cause)} times in a row: ${reasonOf(cause)}. Nothing was changed. Run it again.`;
    return new DatabaseError('CONFLICT', message, { cause });
  }
  if (/^[0-9A-Z]{5}$/.test(errorCode(cause) ?? '')) {
    const message = `The database refused: ${reasonOf(cause)} (${errorCode(cause)}). Nothing was changed.${describeReference(cause, options)}`;
    return new DatabaseError('DATABASE_REFUSED', message, { cause });
  }
  const message = `An unexpected error ended the work: ${reasonOf(cause)}. Nothing was changed. The error's cause says where.`;
  return new BootstrapError('UNEXPECTED', message, { cause });
}

/** A deferred foreign key is checked after all seeders: the error has the key, and the table that a seeder fills. */
function describeReference(cause: unknown, { seeders }: ResolvedOptions): string {
  const { detail, schema, table }: Record<string, unknown> = Object(cause);
  if (errorCode(cause) !== SQLSTATE.FOREIGN_KEY_VIOLATION || typeof detail !== 'string') return '';
  const filling = seeders.filter((seeder) => [table, `${schema}.${table}`].includes(seeder.table));
  const names = filling.map(({ name }) => ` Seeder "${name}" fills table "${table}".`);
  return ` ${escapeControls(shorten(detail))}${names.join('')}`;
}

/** PostgreSQL ignores a schema on the search_path that the role may not use: in that case a grant is missing. */
async function explainMissingSchema(error: BootstrapError, session: Session | null): Promise<BootstrapError> {
  const remedies = await inquire(session, [], findHiddenSchemaRemedies);
  if (remedies.length === 0) return error;
  const list = remedies.map((remedy) => `\n  ${remedy}`).join('');
  return new PermissionError(
    `The role may not use any schema on the search_path of this connection. Nothing was changed. Name another by the schema option, or let an administrator run:${list}`,
    remedies,
    { cause: error },
  );
}
