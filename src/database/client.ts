/** A row set as `pg` returns it. */
export interface QueryResultLike {
  // biome-ignore lint/suspicious/noExplicitAny: rows are as wide as SQL; each caller names the columns it asked for
  rows: any[];
  rowCount: number | null;
  command: string;
}

/** One connection: a checked-out `pg` client satisfies it. */
export interface ClientLike {
  query(text: string, values?: unknown[]): Promise<QueryResultLike>;
  /** Returns the client to its pool; with an error, the pool destroys it. */
  release?(error?: Error | boolean): void;
  on?(event: 'error', listener: (error: Error) => void): unknown;
  removeListener?(event: 'error', listener: (error: Error) => void): unknown;
}

/** Where connections come from: `pg.Pool` satisfies it, and so does the embedded PGlite pool. */
export interface PoolLike {
  connect(): Promise<ClientLike>;
}
