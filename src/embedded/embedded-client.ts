import type { ClientLike } from '../database/client.ts';

/** The database's one session, until it is released. */
export interface EmbeddedClient extends ClientLike {
  /** Ends any open transaction, resets the session and hands it on; a second call throws, as in `pg`. */
  release(error?: Error | boolean): void;
}
