import { createKysely } from '../database/dialect.ts';
import type { Session } from '../database/session.ts';
import type { AnyKysely } from '../database/transaction.ts';

/**
 * Asks the session for the facts of a message, after its transaction is over. The answer is `unknown` if there is no
 * session, or it does not work any more: the first error matters more than one of this question.
 */
export async function inquire<T>(
  session: Session | null,
  unknown: T,
  question: (db: AnyKysely) => Promise<T>,
): Promise<T> {
  if (session === null || session.broken !== null) return unknown;
  return question(createKysely(session)).catch(() => unknown);
}
