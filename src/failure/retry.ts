import { setTimeout as sleep } from 'node:timers/promises';
import type { Session } from '../database/session.ts';
import { errorCode, findCoded, SQLSTATE } from '../database/sqlstates.ts';
import type { LoggerLike } from '../logger.ts';

/** Another session wrote the same at the same moment. A new attempt sees what it has committed. */
const CONFLICTS: ReadonlySet<string> = new Set([
  SQLSTATE.UNIQUE_VIOLATION,
  SQLSTATE.DUPLICATE_TABLE,
  SQLSTATE.DUPLICATE_OBJECT,
  SQLSTATE.DUPLICATE_SCHEMA,
  SQLSTATE.SERIALIZATION_FAILURE,
  SQLSTATE.DEADLOCK_DETECTED,
]);

/**
 * What PostgreSQL says of a row of its catalog that another session has changed or removed. These errors have no code
 * of their own, and are not translated. Citus gives that code to what it does not support, which no attempt changes.
 */
const CATALOG_CHANGED =
  /^(tuple concurrently (updated|deleted)|cache lookup failed for |could not open relation with OID |(Query error: )?Catalog Version Mismatch)/;

/**
 * These conflicts happen by chance, and a new attempt helps. The others may be a fault of the caller, at each attempt.
 */
const PASSING: ReadonlySet<string> = new Set([SQLSTATE.SERIALIZATION_FAILURE, SQLSTATE.DEADLOCK_DETECTED]);

const ATTEMPTS = 5;
const ATTEMPTS_IF_PASSING = 10;
const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 2_000;

/**
 * The functions of PostgreSQL that refuse to make a unique index of rows with equal keys. Nobody else is at work then,
 * because the table is locked, so the next attempt would end in the same way, and a migration may take long.
 */
const INDEX_OF_EQUALS = /^comparetup_index/;

/** Whether an attempt that ended with `error` is worth another one. */
export function isConflict(error: unknown): boolean {
  const { code = '', message = '', routine = '' } = findCoded(error) ?? {};
  if (code === SQLSTATE.INTERNAL_ERROR) return CATALOG_CHANGED.test(message);
  return CONFLICTS.has(code) && !INDEX_OF_EQUALS.test(routine);
}

/**
 * The conflict that ended an attempt, if it was one. On a standby, a change of the primary may end a transaction that
 * only reads; between two of its statements, the server ends the connection instead.
 */
export function findConflict(error: unknown, session: Session): unknown {
  return [error, session.broken].find(isConflict);
}

/** Whether a conflict happened by chance. */
export function isPassing(conflict: unknown): boolean {
  return PASSING.has(errorCode(conflict) ?? '');
}

/** How many attempts are made if they end with this conflict, including the first. */
export function attemptsFor(conflict: unknown): number {
  return isPassing(conflict) ? ATTEMPTS_IF_PASSING : ATTEMPTS;
}

/**
 * Runs an attempt again, a few times, while it ends with a conflict. The pauses are random. Their upper limit doubles
 * up to two seconds, so that two sessions with a conflict do not have it again.
 */
export async function retryConflicts<T>(attempt: () => Promise<T>, logger: LoggerLike): Promise<T> {
  for (let number = 1; ; number++) {
    try {
      return await attempt();
    } catch (error) {
      if (!isConflict(error) || number >= attemptsFor(error)) throw error;
      logger.warn(
        { event: 'conflict_retried', attempt: number, code: errorCode(error) },
        'Conflict, trying again',
      );
      await sleep(Math.random() * Math.min(FIRST_DELAY_MS * 2 ** (number - 1), LONGEST_DELAY_MS));
    }
  }
}
