/** For tests and hooks that start PGlite: it takes seconds of CPU time, and on a busy machine ten times that. */
export const STARTS_PGLITE = { timeout: 180_000 };
