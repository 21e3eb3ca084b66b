import { type Kysely, type RawBuilder, sql, type Transaction } from 'kysely';
import { DEFAULT_IDLE_MS, engineBehind } from './dialect.ts';

// biome-ignore lint/suspicious/noExplicitAny: the tables in it belong to seeders and migrations too
export type AnyTransaction = Transaction<any>;
// biome-ignore lint/suspicious/noExplicitAny: as above
export type AnyKysely = Kysely<any>;

/** Runs further queries in a transaction that only reads. Only some callers need them. */
export type AskFurther = <T>(ask: (trx: AnyTransaction) => Promise<T>) => Promise<T>;

/** A setting of this library, which lasts as long as the transaction that set it: the search_path of that one. */
const MARKER = 'casbin_bootstrap.transaction';

/** Opens a transaction that only reads, and sees one moment of the database. */
export function inReadOnlyTransaction<T>(
  db: AnyKysely,
  work: (trx: AnyTransaction) => Promise<T>,
): Promise<T> {
  return db.transaction().setIsolationLevel('repeatable read').setAccessMode('read only').execute(work);
}

/**
 * Opens a transaction that writes. It is read committed, so that after waiting for the lock it sees what the holder has
 * committed. The level is named, so that no default of the server decides.
 */
export function inWriteTransaction<T>(db: AnyKysely, work: (trx: AnyTransaction) => Promise<T>): Promise<T> {
  const { writeIsolation } = engineBehind(db);
  return db.transaction().setIsolationLevel(writeIsolation).setAccessMode('read write').execute(work);
}

/**
 * An expression to select that puts the schema first on the search_path, so that no query of its own is needed. It
 * takes effect after that query. The caller's own path stays after it, so that types of extensions remain visible. Only
 * a pg_catalog at its beginning is removed: PostgreSQL looks there first if it is not named.
 */
export function searchPathExpression(schema: string | undefined) {
  return schema === undefined ? sql`null` : searchPathTo(sql`${schema}`);
}

/** The same for a schema that is given by an SQL expression. */
export function searchPathTo(schema: RawBuilder<unknown>) {
  return sql`set_config('search_path', concat_ws(', ', quote_ident(${schema}), nullif(regexp_replace(current_setting('search_path'), '^[[:space:]]*"?pg_catalog"?[[:space:]]*(,|$)', ''), '')), true)`;
}

/** Puts the schema first on the search_path of the transaction; see {@link searchPathExpression}. */
export async function setSearchPath(trx: AnyTransaction, schema: string | undefined): Promise<void> {
  if (schema !== undefined) await sql`select ${searchPathExpression(schema)}`.execute(trx);
}

/**
 * Puts the schema first on the search_path, and marks the transaction, so that {@link isSameTransaction} can tell
 * whether it is still open.
 */
export async function markTransaction(trx: AnyTransaction, schema: string): Promise<void> {
  if (!engineBehind(trx).hasSettings) return setSearchPath(trx, schema);
  await sql`select set_config(${MARKER}, ${searchPathExpression(schema)}, true)`.execute(trx);
}

/**
 * Whether the transaction that was marked is still the one that statements run in. False when somebody ended it.
 * Throws 25P02 when an error was swallowed and left it aborted. What follows works on the search_path from before: what
 * pg_dump writes empties it.
 */
export async function isSameTransaction(db: AnyKysely): Promise<boolean> {
  if (!engineBehind(db).hasSettings) return true;
  const { rows } = await sql`
    select set_config('search_path', path, true)
    from (select current_setting(${MARKER}, true) as path) marked
    where path <> ''
  `.execute(db);
  return rows.length > 0;
}

/** An operator does not set a shorter idle limit than this: every transaction would exceed it. */
const LONGEST_SILENCE_MS = 2_000;

/**
 * Runs long work without statements, and sends an empty statement from time to time, so that a server that ends idle
 * transactions does not end this one. A process that is blocked by one computation sends none, and is ended.
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
      // The connection is lost; the next statement reports that.
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
 * Runs work that only reads, and releases the locks of its reads. Otherwise the transaction would keep them to its end:
 * two transactions that have read a table, and then both alter it, would wait for each other.
 */
export async function readAndReleaseLocks<T>(trx: AnyTransaction, read: () => Promise<T>): Promise<T> {
  // If each statement commits, none of them keeps a lock.
  if (engineBehind(trx).commitsDdl) return read();
  await sql`savepoint casbin_bootstrap_read`.execute(trx);
  const releaseLocks = async () => {
    await sql`rollback to savepoint casbin_bootstrap_read`.execute(trx);
    await sql`release savepoint casbin_bootstrap_read`.execute(trx);
  };
  const result = await read().catch(async (error: unknown) => {
    // It matters more than an error of the rollback, which also fails when the connection is lost.
    await releaseLocks().catch(() => {});
    throw error;
  });
  await releaseLocks();
  return result;
}
