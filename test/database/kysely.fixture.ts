import type { Kysely } from 'kysely';
import type pg from 'pg';
import { expect } from 'vitest';
import { createKysely, type TransactionLimits } from '../../src/database/dialect.ts';
import { type Session, withSession } from '../../src/database/session.ts';

// biome-ignore lint/suspicious/noExplicitAny: the tables are made by the tests
export type AnyKysely = Kysely<any>;

/** Creates a function that runs work on a Kysely over one client of the pool, or of another one. */
export function onKyselyOver(pool: pg.Pool) {
  return <T>(
    work: (db: AnyKysely, session: Session) => Promise<T>,
    limits?: TransactionLimits,
    from = pool,
  ): Promise<T> => withSession(from, (session) => work(createKysely(session, limits), session));
}

export async function rejectionOf(work: Promise<unknown>): Promise<Error> {
  const error: unknown = await work.then(
    () => expect.fail('it did not fail'),
    (reason: unknown) => reason,
  );
  return error instanceof Error ? error : expect.fail('it failed without an error');
}
