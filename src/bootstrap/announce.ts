import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import type { AnyTransaction } from '../database/transaction.ts';

/**
 * Tells listeners to reload. Delivered at the commit, once, and not at all after a rollback.
 *
 * The payload is what casbin-pg-watcher 0.1 expects: a `source` that is none of its own, and the time.
 */
export async function announceChange(trx: AnyTransaction, channel: string | null): Promise<void> {
  if (channel === null) return;
  const payload = JSON.stringify({ source: `casbin-bootstrap-${randomUUID()}`, now: new Date() });
  await sql`select pg_notify(${channel}, ${payload})`.execute(trx);
}
