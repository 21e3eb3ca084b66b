import type { ClientLike, QueryResultLike } from '../database/client.ts';
import type { RuleTable } from './rule-table.ts';

/** How many rows are read or written at once. */
export const PORTION = 10_000;

/** A list in portions, to be written one after the other. */
export function* inPortions<T>(list: readonly T[]): Generator<readonly T[]> {
  for (let start = 0; start < list.length; start += PORTION) yield list.slice(start, start + PORTION);
}

/**
 * Reads the rows of a query in portions, by a cursor, so that neither side holds all of them as text. Call it in a
 * transaction; at any isolation level, a cursor sees the rows of the moment when it was declared. On an engine without
 * cursors, all rows are one portion.
 */
export async function readPortions(
  client: ClientLike,
  { engine }: RuleTable,
  { text, values }: { readonly text: string; readonly values: unknown[] },
  // biome-ignore lint/suspicious/noExplicitAny: rows are as wide as SQL; each caller names the columns it asked for
  add: (rows: any[]) => void,
): Promise<void> {
  if (!engine.hasCursors) {
    const { rows } = await client.query(text, values);
    return add(rows);
  }
  await client.query(`declare casbin_bootstrap_rows no scroll cursor for ${text}`, values);
  // The server makes the next portion while this one is handled. Its error is not awaited if handling this one fails.
  const fetch = () => {
    const fetched = client.query(`fetch ${PORTION} from casbin_bootstrap_rows`);
    fetched.catch(() => {});
    return fetched;
  };
  let next: ReturnType<typeof fetch> | null = fetch();
  while (next !== null) {
    const { rows }: QueryResultLike = await next;
    next = rows.length === PORTION ? fetch() : null;
    add(rows);
  }
  await client.query('close casbin_bootstrap_rows');
}
