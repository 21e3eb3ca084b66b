import { type RawBuilder, sql } from 'kysely';
import { errorCode, SQLSTATE } from './sqlstates.ts';
import type { AnyTransaction } from './transaction.ts';

/** The first half of our lock's key, so that nobody else's two-number locks meet ours: "csbn" in ASCII. */
export const NAMESPACE = 0x6373626e;

/** What Kysely's own Migrator locks (kysely 0.28.18 and 0.29.9, PostgresAdapter). */
export const KYSELY_MIGRATION_LOCK = '3853314791062309107';

/** One of the two advisory locks was not granted in time. */
export class AdvisoryLockNotGranted extends Error {
  /** Whose it is, as a message names it. */
  readonly owner: string;

  constructor(owner: string, cause: unknown) {
    super(`The lock of ${owner} was not granted`, { cause });
    this.owner = owner;
  }
}

/**
 * Waits until this transaction is the only bootstrap of the schema, and no Kysely Migrator runs beside it. Both
 * locks end with the transaction. Bounded by the transaction's lock_timeout: throws AdvisoryLockNotGranted.
 */
export async function acquireBootstrapLock(trx: AnyTransaction, schema: string): Promise<void> {
  // A statement_timeout of the role's own, shorter than the wait, would end it with 57014.
  const { rows } = await sql<{ timeout: string }>`
    select current_setting('statement_timeout') as timeout, set_config('statement_timeout', '0', true)
  `.execute(trx);
  const ours = sql`select pg_advisory_xact_lock(${NAMESPACE}::int, hashtext(${schema}))`;
  await acquire(trx, 'another bootstrap', ours);
  // Shared: two schemas need not wait for each other, and a Migrator, which asks for all of it, waits for both.
  const kyselys = sql`select pg_advisory_xact_lock_shared(${KYSELY_MIGRATION_LOCK}::bigint)`;
  await acquire(trx, "Kysely's Migrator", kyselys);
  await sql`select set_config('statement_timeout', ${rows[0]?.timeout ?? '0'}, true)`.execute(trx);
}

async function acquire(trx: AnyTransaction, owner: string, lock: RawBuilder<unknown>): Promise<void> {
  try {
    await lock.execute(trx);
  } catch (error) {
    throw errorCode(error) === SQLSTATE.LOCK_NOT_AVAILABLE ? new AdvisoryLockNotGranted(owner, error) : error;
  }
}
