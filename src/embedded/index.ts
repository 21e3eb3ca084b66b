export type { EmbeddedClient } from './embedded-client.ts';
export { createEmbeddedPool, type EmbeddedPool, type EmbeddedPoolOptions } from './pool.ts';
