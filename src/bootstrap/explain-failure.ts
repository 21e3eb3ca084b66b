import { CommitOutcomeUnknown, CommittedNothing, TransactionAborted } from '../database/dialect.ts';
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
  MigrationBrokePolicyError,
  StoredRuleError,
} from '../errors.ts';
import type { ResolvedOptions } from '../options/resolve.ts';
import { reasonOf } from '../reason.ts';
import { explainConnectFailure } from './explain-connect-failure.ts';
import { explainMissingSchema } from './explain-missing-schema.ts';
import { explainSqlstate } from './explain-sqlstate.ts';
import {
  describeFailure,
  explainStepFailure,
  explainTransactionMisuse,
  type Failure,
} from './explain-step.ts';
import { attemptsFor, isConflict } from './retry.ts';

/**
 * Turns whatever ended an attempt into an error of this library: what happened, where, and what to do. The
 * transaction is over by now; the session, where it still works, is asked for what the message needs.
 */
export async function explainFailure(
  error: unknown,
  options: ResolvedOptions,
  session: Session | null,
): Promise<BootstrapError> {
  if (error instanceof BootstrapError) {
    return error.code === 'SCHEMA_MISSING' ? await explainMissingSchema(error, session) : error;
  }
  if (error instanceof ConnectFailure) return explainConnectFailure(error.cause);
  if (error instanceof CommitOutcomeUnknown) return explainUnknownOutcome(error);
  if (error instanceof WorkAbandoned) return explainLoss({ step: null, cause: error.cause }, null);
  const failure = readFailure(error);
  if (isSelfExplaining(failure.cause)) return failure.cause;
  if (session?.broken || isConnectionLoss(failure.cause))
    return explainLoss(failure, session?.broken ?? null);
  return (
    explainTransactionMisuse(failure) ??
    (await explainSqlstate(failure, options, session)) ??
    explainStepFailure(failure) ??
    explainRest(failure)
  );
}

function readFailure(error: unknown): Failure {
  const step = error instanceof StepFailure ? error.step : null;
  const cause = error instanceof StepFailure ? error.cause : error;
  // Kysely's Migrator passes over errors when it makes its tables; a commit that was none has an earlier reason.
  const passedOver = cause instanceof TransactionAborted && step?.kind === 'migration' && step.name === null;
  const reason = passedOver || cause instanceof CommittedNothing ? (cause.cause ?? cause) : cause;
  // The adapter does not know that it is part of a bootstrap, so its remedy would be to run one.
  const unaware = step?.name === 'rbac' && reason instanceof DatabaseError && isAboutTable(reason);
  return { step, cause: unaware ? reason.cause : reason };
}

function isAboutTable({ code }: DatabaseError): boolean {
  return code === 'TABLE_MISSING' || code === 'UNIQUE_CONSTRAINT_MISSING';
}

/** Errors of the library's own steps; what somebody's seeder got from its own call of the library is its failure. */
function isSelfExplaining(cause: unknown): cause is BootstrapError {
  return (
    cause instanceof DatabaseError ||
    cause instanceof StoredRuleError ||
    cause instanceof MigrationBrokePolicyError
  );
}

function explainUnknownOutcome(error: Error): ConnectionError {
  return new ConnectionError(
    'OUTCOME_UNKNOWN',
    `The connection was lost during the commit: ${reasonOf(error.cause)}. So it is not known whether the database was changed: all of it was, or nothing. Run it again, which is safe in both cases.`,
    { cause: error.cause },
  );
}

function explainLoss(failure: Failure, broken: Error | null): ConnectionError {
  // What came after the loss says only that there is no connection any more.
  const told = broken !== null && errorCode(failure.cause) === undefined ? broken : failure.cause;
  const lost = { ...failure, cause: told };
  const message = `The connection was lost: ${describeFailure(lost)}. Nothing was changed. ${remedyForLoss(told)}`;
  return new ConnectionError('CONNECTION_LOST', message, { cause: told });
}

/** To run it again helps only where the connection was lost by chance. */
function remedyForLoss(cause: unknown): string {
  if (cause instanceof NoAnswer) {
    return 'Run it again; if it stays so, check the network and the server. If a statement needs longer, raise statementTimeoutMs.';
  }
  switch (errorCode(cause)) {
    case SQLSTATE.IDLE_IN_TRANSACTION_TIMEOUT:
      return 'The server ends a transaction that waits too long for its next statement. Raise idleInTransactionTimeoutMs, or let seeders and migrations compute beforehand; they must not wait for another client of the same pool.';
    case SQLSTATE.TRANSACTION_TIMEOUT:
      return "The bootstrap takes longer than the server's transaction_timeout allows. Raise it for this role: alter role … set transaction_timeout = …;";
    case SQLSTATE.PROTOCOL_VIOLATION:
      return reasonOf(cause).includes('statement pooling')
        ? 'A bootstrap is one transaction: set pool_mode = transaction or session in PgBouncer, or connect to the server itself.'
        : 'Run it again; if it stays so, connect to the server itself, without a pooler between.';
    default:
      return 'Run it again.';
  }
}

function explainRest({ cause }: Failure): BootstrapError {
  if (isConflict(cause)) {
    const message = `Somebody else wrote the same at the same moment, ${attemptsFor(cause)} times in a row: ${reasonOf(cause)}. Nothing was changed. Run it again.`;
    return new DatabaseError('CONFLICT', message, { cause });
  }
  if (/^[0-9A-Z]{5}$/.test(errorCode(cause) ?? '')) {
    const message = `The database refused: ${reasonOf(cause)} (${errorCode(cause)}). Nothing was changed.`;
    return new DatabaseError('DATABASE_REFUSED', message, { cause });
  }
  const message = `The bootstrap failed: ${reasonOf(cause)}. Nothing was changed. The error's cause says where.`;
  return new BootstrapError('UNEXPECTED', message, { cause });
}
