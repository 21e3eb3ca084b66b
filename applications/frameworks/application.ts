import type { Pool } from 'pg';

/** An application that listens, in one of the frameworks. */
export interface Application {
  readonly url: string;
  /** Its live enforcer. */
  readonly live: {
    readonly state: { readonly status: string };
    caughtUp(): Promise<void>;
    close(): Promise<void>;
  };
  /** What its logger was told at the level `error`. */
  readonly errors: string[];
  close(): Promise<void>;
}

/** How an application is started: on which database, with which policy, and how stale it may be. */
export interface Start {
  readonly pool: Pool;
  readonly withTenants?: boolean;
  readonly maxStalenessMs?: number;
}
