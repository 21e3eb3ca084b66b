import { BootstrapError, ConnectionError } from '../errors.ts';
import { reasonOf } from '../text.ts';
import { NoClientInTime } from './session.ts';
import { errorCode, SQLSTATE } from './sqlstates.ts';

/** Explains the cause of a ConnectFailure. pg's messages name the user or the address, never the password. */
export function explainConnectFailure(cause: unknown): BootstrapError {
  if (cause instanceof BootstrapError) return cause;
  const reason = reasonOf(cause);
  if (cause instanceof NoClientInTime) return connectionFailed(reason, remedyForWait(cause), cause);
  switch (errorCode(cause)) {
    case SQLSTATE.INVALID_PASSWORD:
    case SQLSTATE.INVALID_AUTHORIZATION:
      return loginRefused(reason, cause);
    case SQLSTATE.INVALID_CATALOG_NAME:
      return new ConnectionError(
        'DATABASE_MISSING',
        `The server has no such database: ${reason}. Create it (create database …), or correct its name.`,
        { cause },
      );
    case SQLSTATE.INSUFFICIENT_PRIVILEGE:
      return new ConnectionError(
        'PERMISSION_DENIED',
        `The role may not connect: ${reason}. The owner of the database can run: grant connect on database … to …;`,
        { cause },
      );
    case SQLSTATE.TOO_MANY_CONNECTIONS:
      return connectionFailed(reason, TOO_MANY, cause);
    case SQLSTATE.CANNOT_CONNECT_NOW:
      return connectionFailed(reason, 'Run it again when the server is ready.', cause);
    default:
      // pg sends no password that is empty or not a string, and has no code for that.
      if (/password must be/i.test(reason)) return passwordMissing(reason, cause);
      return connectionFailed(reason, remedyFor(reason), cause);
  }
}

const TOO_MANY =
  'Close some, make pools smaller, or raise the limit: max_connections, or the connection limit of the role or the database.';

function remedyForWait({ allInUse }: NoClientInTime): string {
  const inUse =
    "Release the pool's other clients first, or make the pool larger. The caller itself may hold its only client.";
  const unreachable = 'Check host and port, and that the server can be reached.';
  const raise = 'If it only needs longer, raise connectTimeoutMs.';
  if (allInUse === null) return `All of its clients may be in use, or the server may not answer. ${raise}`;
  return allInUse
    ? `All of its clients are in use. ${inUse} ${raise}`
    : `The server did not answer. ${unreachable} ${raise}`;
}

function loginRefused(reason: string, cause: unknown): ConnectionError {
  const message = `The server refused the login: ${reason}. Check user and password, and the server's pg_hba.conf.`;
  return new ConnectionError('AUTHENTICATION_FAILED', message, { cause });
}

function passwordMissing(reason: string, cause: unknown): ConnectionError {
  const message = `The server asked for a password, and none was given, or one that is not a text: ${reason}. Give it in the connection string, or as PGPASSWORD.`;
  return new ConnectionError('AUTHENTICATION_FAILED', message, { cause });
}

function connectionFailed(reason: string, remedy: string, cause: unknown): ConnectionError {
  return new ConnectionError('CONNECTION_FAILED', `No connection to the database: ${reason}. ${remedy}`, {
    cause,
  });
}

/** Messages of pg without a code. */
function remedyFor(reason: string): string {
  if (reason.includes('after calling end')) return 'Call it before the pool is ended.';
  if (reason.includes('did not give a client')) return 'Give a pool like pg.Pool.';
  if (reason.includes('Invalid URL'))
    return 'Correct the connection string; percent-encode its special characters.';
  if (/certificate/.test(reason)) {
    return 'Give the authority that signed it (ssl: { ca }, or sslrootcert in the connection string), connect by a name that the certificate has, and renew it if it has expired.';
  }
  if (reason.includes('SSL')) return "Correct the pool's ssl option, or the server's.";
  if (reason.includes('startup parameter')) {
    return 'Leave it out of the options of the pool. PgBouncer can also ignore it (ignore_startup_parameters); then it has no effect.';
  }
  if (reason.includes('timeout')) {
    return 'Check that the server can be reached, and that clients of the pool are released.';
  }
  return 'Check host and port, and that the server runs.';
}
