import { BootstrapError } from '../errors.ts';
import { isError } from '../text.ts';

/** PostgreSQL's error codes by name (PostgreSQL documentation, appendix A). */
export const SQLSTATE = {
  ACTIVE_SQL_TRANSACTION: '25001',
  NO_ACTIVE_SQL_TRANSACTION: '25P01',
  READ_ONLY_SQL_TRANSACTION: '25006',
  IN_FAILED_SQL_TRANSACTION: '25P02',
  UNTRANSLATABLE_CHARACTER: '22P05',
  NOT_NULL_VIOLATION: '23502',
  FOREIGN_KEY_VIOLATION: '23503',
  UNIQUE_VIOLATION: '23505',
  CHECK_VIOLATION: '23514',
  EXCLUSION_VIOLATION: '23P01',
  FEATURE_NOT_SUPPORTED: '0A000',
  INVALID_AUTHORIZATION: '28000',
  INVALID_PASSWORD: '28P01',
  INVALID_CATALOG_NAME: '3D000',
  INVALID_SCHEMA_NAME: '3F000',
  SERIALIZATION_FAILURE: '40001',
  DEADLOCK_DETECTED: '40P01',
  INSUFFICIENT_PRIVILEGE: '42501',
  SYNTAX_ERROR: '42601',
  UNDEFINED_COLUMN: '42703',
  UNDEFINED_FUNCTION: '42883',
  UNDEFINED_OBJECT: '42704',
  UNDEFINED_TABLE: '42P01',
  DUPLICATE_SCHEMA: '42P06',
  DUPLICATE_TABLE: '42P07',
  DUPLICATE_OBJECT: '42710',
  INVALID_COLUMN_REFERENCE: '42P10',
  TOO_MANY_CONNECTIONS: '53300',
  PROGRAM_LIMIT_EXCEEDED: '54000',
  OBJECT_NOT_IN_PREREQUISITE_STATE: '55000',
  LOCK_NOT_AVAILABLE: '55P03',
  UNSAFE_NEW_ENUM_VALUE_USAGE: '55P04',
  QUERY_CANCELED: '57014',
  ADMIN_SHUTDOWN: '57P01',
  CRASH_SHUTDOWN: '57P02',
  CANNOT_CONNECT_NOW: '57P03',
  IDLE_IN_TRANSACTION_TIMEOUT: '25P03',
  TRANSACTION_TIMEOUT: '25P04',
  PROTOCOL_VIOLATION: '08P01',
  INTERNAL_ERROR: 'XX000',
} as const;

/** The SQLSTATE, or Node's error code, that an error or the nearest of its causes carries. */
export function errorCode(error: unknown): string | undefined {
  return findCoded(error)?.code;
}

/** The error itself, or the nearest of its causes, that carries such a code. */
export function findCoded(error: unknown): CodedError | undefined {
  const seen = new Set<unknown>();
  for (let current = error; isError(current) && !seen.has(current); current = current.cause) {
    // Two errors may be each other's cause.
    seen.add(current);
    // The codes of this library are not SQLSTATEs.
    if (current instanceof BootstrapError) continue;
    if (hasCode(current)) return current;
  }
  return undefined;
}

/** An error of the server also has the name of its function that raised it, which is not translated. */
interface CodedError extends Error {
  readonly code: string;
  readonly routine?: string | undefined;
}

function hasCode(error: Error): error is CodedError {
  return 'code' in error && typeof error.code === 'string';
}

/** Whether an error says that a table or a schema is not there. */
export function isAbsence(error: unknown): boolean {
  const code = errorCode(error);
  return code === SQLSTATE.UNDEFINED_TABLE || code === SQLSTATE.INVALID_SCHEMA_NAME;
}
