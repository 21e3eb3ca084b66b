import { Global, Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import pg from 'pg';

function openPool(): pg.Pool {
  const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL });
  // The pool replaces an idle connection that is lost; without a listener it would end the process.
  pool.on('error', (error) => console.error(`idle connection lost: ${error.message}`));
  return pool;
}

/** The pool of the application, which ends when everything that needs it has ended. */
@Global()
@Module({ providers: [{ provide: pg.Pool, useFactory: openPool }], exports: [pg.Pool] })
export class DatabaseModule implements OnApplicationShutdown {
  constructor(@Inject(pg.Pool) private readonly pool: pg.Pool) {}

  async onApplicationShutdown(): Promise<void> {
    await this.pool.end();
  }
}
