import {
  BootstrapError,
  ConnectionError,
  DatabaseError,
  type LockHolder,
  LockTimeoutError,
} from '../errors.ts';
import { reasonOf } from '../text.ts';
import { CommitOutcomeUnknown } from './dialect.ts';
import { TransactionAborted } from './refused-statement.ts';
import { isConnectionLoss } from './session.ts';
import { errorCode, SQLSTATE } from './sqlstates.ts';

/**
 * Tells what the caller's transaction or connection did not let this library do: to wait longer for a lock or for a
 * statement, to write, or to do anything at all, as when the connection is lost. Other errors are returned unchanged;
 * conflicts too, because callers that begin their transaction again look for these by their SQLSTATE.
 *
 * @param what what was refused, as an infinitive
 * @param findHolders asks who holds the lock; it may fail
 */
export async function explainRefusedWork(
  error: unknown,
  what: string,
  findHolders: () => Promise<LockHolder[]>,
): Promise<unknown> {
  // The code of a statement that was refused in an aborted transaction is that of an earlier one.
  if (error instanceof BootstrapError || error instanceof TransactionAborted) return error;
  if (error instanceof CommitOutcomeUnknown) return explainUnknownOutcome(error, 'Try again');
  const reason = `${reasonOf(error)}. Nothing was changed`;
  switch (errorCode(error)) {
    case SQLSTATE.LOCK_NOT_AVAILABLE: {
      const holders = await findHolders().catch(() => null);
      const held = holders === null ? 'Who holds it is unknown' : describeHolders(holders);
      const message = `A lock that is needed to ${what} was not granted in time: ${reason}. ${held}. Try again, or raise the lock_timeout of the connection.`;
      return new LockTimeoutError(message, holders ?? [], { cause: error });
    }
    case SQLSTATE.QUERY_CANCELED:
      return new DatabaseError(
        'STATEMENT_TIMEOUT',
        `It took too long to ${what}: ${reason}. Try again; if it needs longer, raise the statement_timeout of the connection.`,
        { cause: error },
      );
    case SQLSTATE.READ_ONLY_SQL_TRANSACTION:
      return new DatabaseError(
        'READ_ONLY_DATABASE',
        `The connection only reads, so it can't ${what}: ${reason}. If the server is a standby, connect to the primary; else set default_transaction_read_only to off, or begin the transaction with "begin read write".`,
        { cause: error },
      );
    case SQLSTATE.IN_FAILED_SQL_TRANSACTION:
      return new DatabaseError(
        'TRANSACTION_ABORTED',
        `An earlier error has aborted the transaction that is open on the client, so it can't ${what}: ${reason}. Roll the transaction back and begin again; before a statement that may fail, set a savepoint.`,
        { cause: error },
      );
    default:
      if (!isConnectionLoss(error)) return error;
      return new ConnectionError(
        'CONNECTION_LOST',
        `The connection was lost while it was used to ${what}: ${reason}. Try again on a new connection; a transaction that was open has to begin again.`,
        { cause: error },
      );
  }
}

/** @param again how to do it again, as the beginning of a sentence */
export function explainUnknownOutcome(
  { message, cause }: CommitOutcomeUnknown,
  again: string,
): ConnectionError {
  return new ConnectionError(
    'OUTCOME_UNKNOWN',
    `${message}: ${reasonOf(cause)}. It is unknown whether the changes were committed: either all of them were, or none. ${again}, which is safe in both cases.`,
    { cause },
  );
}

/** Who holds a lock, as a clause of a message. */
export function describeHolders(holders: readonly LockHolder[]): string {
  if (holders.length === 0) return 'The lock has since been released';
  return `It is held by ${holders.map(describeHolder).join('; ')}`;
}

function describeHolder({ pid, applicationName, since }: LockHolder): string {
  const name = applicationName === '' ? 'no application_name' : applicationName;
  return `pid ${pid} (${name}${since === null ? '' : `, in a transaction since ${since.toISOString()}`})`;
}
