/**
 * PGlite, PostgreSQL inside the process, as a pool: for development without a server.
 *
 * @module casbin-bootstrap/embedded
 */

export type { EmbeddedClient } from './pool.ts';
export { createEmbeddedPool, type EmbeddedPool, type EmbeddedPoolOptions } from './pool.ts';
