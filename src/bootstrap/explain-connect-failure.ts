import { errorCode, SQLSTATE } from '../database/sqlstates.ts';
import { ConnectionError } from '../errors.ts';

/** Why no connection could be had, and what to do. pg's messages name the user or the address, never the password. */
export function explainConnectFailure(cause: unknown): ConnectionError {
  const reason = reasonOf(cause);
  switch (errorCode(cause)) {
    case SQLSTATE.INVALID_PASSWORD:
    case SQLSTATE.INVALID_AUTHORIZATION:
      return new ConnectionError(
        'AUTHENTICATION_FAILED',
        `The server refused the login: ${reason}. Check user and password, and the server's pg_hba.conf.`,
        { cause },
      );
    case SQLSTATE.INVALID_CATALOG_NAME:
      return new ConnectionError(
        'DATABASE_MISSING',
        `The server has no such database: ${reason}. Create it (create database …), or correct its name.`,
        { cause },
      );
    default:
      return new ConnectionError(
        'CONNECTION_FAILED',
        `No connection to the database: ${reason}. Check that the server runs, and host and port.`,
        { cause },
      );
  }
}

/** A name with several addresses fails with one error for each, and no message of its own. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join('; ');
  return error instanceof Error ? error.message : String(error);
}
