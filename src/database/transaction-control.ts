/** Something inside the transaction tried to begin or to end one, which would have ended ours. */
export class NestedTransactionRefused extends Error {}

const COMMENT = /--[^\n]*|\/\*[\s\S]*?\*\//g;

/** Savepoints are the transaction's own business; whatever else begins with these words begins or ends one. */
const CONTROL =
  /^\s*(begin|start\s+transaction|commit|end|abort|rollback|prepare\s+transaction)\b(?!(\s+(work|transaction))?\s+to\b)/i;

/**
 * Throws NestedTransactionRefused for a statement that begins or ends a transaction, before the server has done
 * it. One that hides behind another in the same text is found out afterwards, by the transaction being gone.
 */
export function refuseTransactionControl(sql: string): void {
  const control = CONTROL.exec(sql.replace(COMMENT, ' '))?.[1];
  if (control === undefined) return;
  throw new NestedTransactionRefused(`the statement "${control.toLowerCase()}" was refused`);
}
