import { createKysely } from '../database/dialect.ts';
import type { Session } from '../database/session.ts';
import type { AnyKysely } from '../database/transaction.ts';

/**
 * Asks the session for what a message needs, once its transaction is over. `unknown` is the answer where there is
 * no session, or none that still works: what is to be explained matters more than why it can't be explained better.
 */
export async function inquire<T>(
  session: Session | null,
  unknown: T,
  question: (db: AnyKysely) => Promise<T>,
): Promise<T> {
  if (session === null || session.broken !== null) return unknown;
  return question(createKysely(session)).catch(() => unknown);
}
