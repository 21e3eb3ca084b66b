/** Code inside the transaction tried to begin or end a transaction, which would have ended ours. */
export class NestedTransactionRefused extends Error {}

const COMMENT = /--[^\n]*|\/\*[\s\S]*?\*\//g;

/** Savepoints are allowed; every other statement that begins with these words begins or ends a transaction. */
const CONTROL =
  /^\s*(begin|start\s+transaction|commit|end|abort|rollback|prepare\s+transaction)\b(?!(\s+(work|transaction))?\s+to\b)/i;

/**
 * Throws NestedTransactionRefused for a statement that begins or ends a transaction, before the server runs it. If the
 * statement is behind another one in the same text, it is noticed afterwards, because the transaction is gone.
 */
export function refuseTransactionControl(sql: string): void {
  const control = CONTROL.exec(sql.replace(COMMENT, ' '))?.[1];
  if (control === undefined) return;
  throw new NestedTransactionRefused(`the statement "${control.toLowerCase()}" was refused`);
}

/** PostgreSQL's protocol ends a statement at the first NUL, and can't read what comes after it. */
export function refuseNul(sql: string): void {
  const nul = sql.indexOf('\0');
  if (nul === -1) return;
  const before = sql.slice(Math.max(0, nul - 40), nul);
  throw new TypeError(
    `a name or a statement holds a NUL character, which PostgreSQL can't store: behind ${JSON.stringify(before)}`,
  );
}

/**
 * A statement was refused because an earlier one had failed and its error was ignored, as Kysely's Migrator does. The
 * `cause` is that earlier error: PostgreSQL's own 25P02 does not name it.
 */
export class TransactionAborted extends Error {}

/** Code of the application goes on after the transaction: what it does now would be committed by itself. */
export class TransactionOver extends Error {
  constructor() {
    super(
      'The transaction of the bootstrap is over, and the statement was not run. A migration or a seeder did not await it: use Promise.all instead of forEach.',
    );
  }
}
