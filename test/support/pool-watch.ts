import pg from 'pg';

/** A pool that knows which of its clients are checked out. */
export class PoolWatch {
  readonly pool: pg.Pool;
  readonly #out = new Set<pg.PoolClient>();

  constructor(options: pg.PoolConfig) {
    this.pool = new pg.Pool(options);
    this.pool.on('acquire', (client) => this.#out.add(client));
    this.pool.on('release', (_error, client) => this.#out.delete(client));
    // without a listener, an idle client that a test terminates would end the process
    this.pool.on('error', ignore);
  }

  get checkedOut(): number {
    return this.#out.size;
  }

  /** Destroys the clients that were not released. */
  reclaim(): void {
    for (const client of [...this.#out]) {
      client.on('error', ignore);
      client.release(true);
    }
  }

  async end(): Promise<void> {
    if (!this.pool.ending) await this.pool.end();
  }
}

function ignore(): void {}
