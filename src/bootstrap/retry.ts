import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { errorCode, SQLSTATE } from '../database/sqlstates.ts';

/** Somebody else wrote the same at the same moment. A new attempt sees what they have committed. */
const CONFLICTS: ReadonlySet<string> = new Set([
  SQLSTATE.UNIQUE_VIOLATION,
  SQLSTATE.DUPLICATE_TABLE,
  SQLSTATE.DUPLICATE_OBJECT,
  SQLSTATE.DUPLICATE_SCHEMA,
  SQLSTATE.SERIALIZATION_FAILURE,
  SQLSTATE.DEADLOCK_DETECTED,
  // Two statements that change one catalog row: "tuple concurrently updated" has no code of its own.
  SQLSTATE.INTERNAL_ERROR,
]);

/** How many times an attempt is made, the first included. */
export const ATTEMPTS = 5;
const FIRST_DELAY_MS = 50;

/** Whether an attempt that ended with `error` is worth another one. */
export function isConflict(error: unknown): boolean {
  const code = errorCode(error);
  return code !== undefined && CONFLICTS.has(code);
}

/**
 * Runs an attempt again, a few times, while it ends with a conflict. The pauses double, and are drawn at random
 * up to that, so that two who met do not meet again.
 */
export async function retryConflicts<T>(attempt: () => Promise<T>, logger: Logger): Promise<T> {
  for (let number = 1; ; number++) {
    try {
      return await attempt();
    } catch (error) {
      if (number === ATTEMPTS || !isConflict(error)) throw error;
      logger.warn(
        { event: 'conflict_retried', attempt: number, code: errorCode(error) },
        'Conflict, trying again',
      );
      await sleep(Math.random() * FIRST_DELAY_MS * 2 ** number);
    }
  }
}
