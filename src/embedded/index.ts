export type { EmbeddedClient } from './pool.ts';
export { createEmbeddedPool, type EmbeddedPool, type EmbeddedPoolOptions } from './pool.ts';
