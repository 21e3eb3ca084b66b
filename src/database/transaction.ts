import { type Kysely, sql, type Transaction } from 'kysely';
import { DEFAULT_IDLE_MS, engineBehind } from './dialect.ts';

// biome-ignore lint/suspicious/noExplicitAny: the tables in it belong to seeders and migrations too
export type AnyTransaction = Transaction<any>;
// biome-ignore lint/suspicious/noExplicitAny: as above
export type AnyKysely = Kysely<any>;

/** A setting of this library's own, alive exactly as long as the transaction that set it. */
const MARKER = 'casbin_bootstrap.transaction';

/** Opens a transaction that only reads, and sees one moment of the database. */
export function inReadOnlyTransaction<T>(
  db: AnyKysely,
  work: (trx: AnyTransaction) => Promise<T>,
): Promise<T> {
  return db.transaction().setIsolationLevel('repeatable read').setAccessMode('read only').execute(work);
}

/**
 * Opens a transaction that writes. Read committed, so that what is read after waiting for the lock is what the
 * one who held it has committed; named, so that no default of the server's decides.
 */
export function inWriteTransaction<T>(db: AnyKysely, work: (trx: AnyTransaction) => Promise<T>): Promise<T> {
  const { writeIsolation } = engineBehind(db);
  return db.transaction().setIsolationLevel(writeIsolation).setAccessMode('read write').execute(work);
}

/**
 * An expression that puts the schema first on the search_path, to be selected: so it fits into a query that is
 * sent anyway. It takes effect after that query. The caller's own path stays behind it, so that types of
 * extensions remain visible; but for a pg_catalog at its beginning, which is found before all others as soon as it
 * is not named.
 */
export function searchPathExpression(schema: string | undefined) {
  if (schema === undefined) return sql`null`;
  return sql`set_config('search_path', concat_ws(', ', quote_ident(${schema}), nullif(regexp_replace(current_setting('search_path'), '^[[:space:]]*"?pg_catalog"?[[:space:]]*(,|$)', ''), '')), true)`;
}

/** Puts the schema first on the search_path of the transaction; see {@link searchPathExpression}. */
export async function setSearchPath(trx: AnyTransaction, schema: string | undefined): Promise<void> {
  if (schema !== undefined) await sql`select ${searchPathExpression(schema)}`.execute(trx);
}

/** Marks the transaction, so that {@link isSameTransaction} can tell whether it is still open. */
export async function markTransaction(trx: AnyTransaction): Promise<void> {
  if (!engineBehind(trx).hasSettings) return;
  await sql`select set_config(${MARKER}, 'open', true)`.execute(trx);
}

/**
 * Whether the transaction that was marked is still the one that statements run in. False when somebody ended
 * it. Throws 25P02 when an error was swallowed and left it aborted.
 */
export async function isSameTransaction(db: AnyKysely): Promise<boolean> {
  if (!engineBehind(db).hasSettings) return true;
  const { rows } = await sql<{ marker: string | null }>`
    select current_setting(${MARKER}, true) as marker
  `.execute(db);
  return rows[0]?.marker === 'open';
}

/** Nor does an operator set a shorter limit on idleness than this, as every transaction would meet it. */
const LONGEST_SILENCE_MS = 2_000;

/**
 * Runs long work that needs no statements, with an empty one every now and then: a server that ends idle
 * transactions would take the client for gone. One that is blocked by a single computation is silent, and ended.
 */
export async function stayAwake<T>(
  trx: AnyTransaction,
  {
    idleInTransactionTimeoutMs = DEFAULT_IDLE_MS,
  }: { readonly idleInTransactionTimeoutMs: number | undefined },
  work: () => Promise<T>,
): Promise<T> {
  let pending: Promise<void> | null = null;
  const speak = () => {
    pending ??= sql`select`.execute(trx).then(
      () => {
        pending = null;
      },
      // The connection is lost, which the next statement tells.
      () => {},
    );
  };
  const interval = Math.min(LONGEST_SILENCE_MS, idleInTransactionTimeoutMs / 4 || LONGEST_SILENCE_MS);
  const timer = setInterval(speak, interval);
  try {
    return await work();
  } finally {
    clearInterval(timer);
    await pending;
  }
}

/**
 * Runs work that only reads, and releases the locks that its reading took. The transaction would keep them to its
 * end: two transactions that have read a table, and then both alter it, would wait for each other.
 */
export async function readAndReleaseLocks<T>(trx: AnyTransaction, read: () => Promise<T>): Promise<T> {
  // Where each statement commits, none of them keeps a lock.
  if (engineBehind(trx).commitsDdl) return read();
  await sql`savepoint casbin_bootstrap_read`.execute(trx);
  const releaseLocks = async () => {
    await sql`rollback to savepoint casbin_bootstrap_read`.execute(trx);
    await sql`release savepoint casbin_bootstrap_read`.execute(trx);
  };
  const result = await read().catch(async (error: unknown) => {
    // It matters more than an error of the rollback, which fails too when the connection is lost.
    await releaseLocks().catch(() => {});
    throw error;
  });
  await releaseLocks();
  return result;
}
