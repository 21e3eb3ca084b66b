import { NoClientInTime } from '../database/check-out.ts';
import { errorCode, SQLSTATE } from '../database/sqlstates.ts';
import { BootstrapError, ConnectionError } from '../errors.ts';
import { reasonOf } from '../reason.ts';

/** Why no connection could be had, and what to do. pg's messages name the user or the address, never the password. */
export function explainConnectFailure(cause: unknown): BootstrapError {
  if (cause instanceof BootstrapError) return cause;
  const reason = reasonOf(cause);
  if (cause instanceof NoClientInTime) return failed(reason, remedyForWait(cause), cause);
  switch (errorCode(cause)) {
    case SQLSTATE.INVALID_PASSWORD:
    case SQLSTATE.INVALID_AUTHORIZATION:
      return refused(reason, cause);
    case SQLSTATE.INVALID_CATALOG_NAME:
      return new ConnectionError(
        'DATABASE_MISSING',
        `The server has no such database: ${reason}. Create it (create database …), or correct its name.`,
        { cause },
      );
    case SQLSTATE.INSUFFICIENT_PRIVILEGE:
      return new ConnectionError(
        'PERMISSION_DENIED',
        `The role may not connect: ${reason}. As the owner of the database: grant connect on database … to …;`,
        { cause },
      );
    case SQLSTATE.TOO_MANY_CONNECTIONS:
      return failed(reason, 'Close some, make pools smaller, or raise max_connections.', cause);
    case SQLSTATE.CANNOT_CONNECT_NOW:
      return failed(reason, 'Run it again when the server is ready.', cause);
    default:
      // A password that is no string never gets to the server, and pg has no code for that.
      if (reason.includes('password must be')) return refused(reason, cause);
      return failed(reason, remedyFor(reason), cause);
  }
}

function remedyForWait({ allInUse }: NoClientInTime): string {
  const inUse =
    "Release the pool's other clients before, or make the pool larger: its only client may be the caller's own.";
  const unreachable = 'Check that the server can be reached, and host and port.';
  const raise = 'If it only needs longer, raise connectTimeoutMs.';
  if (allInUse === null) return `All of its clients may be in use, or the server may not answer. ${raise}`;
  return allInUse
    ? `All of its clients are in use. ${inUse} ${raise}`
    : `The server did not answer. ${unreachable} ${raise}`;
}

function refused(reason: string, cause: unknown): ConnectionError {
  const message = `The server refused the login: ${reason}. Check user and password, and the server's pg_hba.conf.`;
  return new ConnectionError('AUTHENTICATION_FAILED', message, { cause });
}

function failed(reason: string, remedy: string, cause: unknown): ConnectionError {
  return new ConnectionError('CONNECTION_FAILED', `No connection to the database: ${reason}. ${remedy}`, {
    cause,
  });
}

/** What pg says without a code. */
function remedyFor(reason: string): string {
  if (reason.includes('after calling end')) return 'Call it before the pool is ended.';
  if (reason.includes('Invalid URL')) return 'Correct the connection string; encode what is special in it.';
  if (reason.includes('SSL')) return "Correct the pool's ssl option, or the server's.";
  if (reason.includes('timeout')) {
    return 'Check that the server can be reached, and that clients of the pool are released.';
  }
  return 'Check that the server runs, and host and port.';
}
