import { sql } from 'kysely';
import { createAdapter } from '../casbin/adapter.ts';
import { readLivePolicy } from '../casbin/live-policy.ts';
import { acquireBootstrapLock } from '../database/lock.ts';
import type { Session } from '../database/session.ts';
import {
  type AnyKysely,
  type AnyTransaction,
  markTransaction,
  settingExpressions,
} from '../database/transaction.ts';
import { DatabaseError } from '../errors.ts';
import { migrateDatabase } from '../migration/migrate.ts';
import type { ResolvedOptions } from '../options/resolve.ts';
import type { BootstrapReport } from '../report.ts';
import { runSeeders } from '../seeding/run.ts';
import { announceChange } from './announce.ts';
import { judge } from './judge.ts';
import { chooseScope, ruleCountExpression } from './scope.ts';

/**
 * Migrates, seeds and verifies in the transaction `trx`, which was just begun on `db`, as the only bootstrap of
 * its schema. Whether any of it stays is for the caller to say, by the commit.
 */
export async function writeDatabase(
  session: Session,
  db: AnyKysely,
  trx: AnyTransaction,
  options: ResolvedOptions,
): Promise<Omit<BootstrapReport, 'durationMs'>> {
  const { logger } = options;
  const schema = await resolveSchema(trx, options);
  await sql`select ${sql.join(settingExpressions({ ...options, schema }))}`.execute(trx);
  await markTransaction(trx);
  await acquireBootstrapLock(trx, schema);

  const { applied, takeover, firstRun } = await migrateDatabase(db, trx, { ...options, schema });
  for (const name of applied) logger.info({ event: 'migration_applied', name }, 'Migration applied');
  if (takeover !== null)
    logger.warn({ event: 'table_taken_over', ...takeover }, 'Existing casbin table taken over');

  const adapter = createAdapter(session.client, { schema });
  const seeders = await runSeeders(options.seeders, { db: trx, logger, adapter, schema, firstRun });
  const verification = await judge(options, await readAfterwards(trx, options));

  const changed = applied.length > 0 || takeover !== null || seeders.some(({ inserted }) => inserted > 0);
  if (changed) await announceChange(trx, options.notifyChannel);
  const migrations = applied.map((name) => ({ name, status: 'applied' as const }));
  return { changed, migrations, takeover, seeders, verification };
}

/** Where the tables are, or where they are to be made: what an unqualified `casbin` means on this connection. */
async function resolveSchema(trx: AnyTransaction, { schema }: ResolvedOptions): Promise<string> {
  const { rows } = await sql<{ schema: string | null }>`
    select coalesce(
      ${schema ?? null}::text,
      (
        select n.nspname::text
        from pg_catalog.pg_class c
        join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        where c.oid = to_regclass('casbin')
      ),
      current_schema()::text
    ) as schema
  `.execute(trx);
  const resolved = rows[0]?.schema;
  if (resolved) return resolved;
  throw new DatabaseError(
    'SCHEMA_MISSING',
    'No schema on the search_path of this connection exists. Create one, or name one by the schema option.',
  );
}

/** The policy as the commit would leave it. */
async function readAfterwards(trx: AnyTransaction, options: ResolvedOptions) {
  if (options.verify === null) return [];
  const { rows } = await sql<{ count: number }>`
    select ${ruleCountExpression(options, undefined)} as count
  `.execute(trx);
  return readLivePolicy(trx, chooseScope(options, rows[0]?.count ?? 0));
}
