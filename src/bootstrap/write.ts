import { sql } from 'kysely';
import { createAdapter } from '../casbin/adapter.ts';
import { acquireBootstrapLock } from '../database/lock.ts';
import { requireAllRows } from '../database/row-security.ts';
import { type Session, withGrace } from '../database/session.ts';
import {
  type AnyKysely,
  type AnyTransaction,
  markTransaction,
  searchPathExpression,
  stayAwake,
} from '../database/transaction.ts';
import { migrateDatabase } from '../migration/migrate.ts';
import { PACKAGE_LIST } from '../migration/migration.ts';
import type { ResolvedOptions } from '../options/resolve.ts';
import type { BootstrapReport } from '../report.ts';
import { shareContext } from '../seeding/context.ts';
import { runSeeders } from '../seeding/run.ts';
import { announceChange } from './announce.ts';
import { judge } from './judge.ts';
import { refuseForgottenPolicy } from './policy-missing.ts';
import { resolveSchemas } from './schemas.ts';
import { NOTHING_READ, readPolicy } from './scope.ts';
import { watchPolicy } from './watch.ts';

/**
 * Migrates, seeds and verifies in the transaction `trx`, which was just begun on `db`, as the only bootstrap of
 * its schema. Whether any of it stays is for the caller to say, by the commit.
 */
export async function writeDatabase(
  session: Session,
  db: AnyKysely,
  trx: AnyTransaction,
  options: ResolvedOptions,
): Promise<Omit<BootstrapReport, 'dryRun' | 'durationMs'>> {
  const { logger, progress, dryRun } = options;
  session.enter('the beginning of the write transaction');
  const { schema, applicationSchema } = await resolveSchemas(trx, options);
  await sql`select ${searchPathExpression(schema)}`.execute(trx);
  await markTransaction(trx);
  session.enter('the lock of the bootstrap');
  await session.within(withGrace(options.lockTimeoutMs), () => acquireBootstrapLock(trx, schema));
  session.enter('the migrations');
  await requireAllRows(trx, schema, ['casbin', PACKAGE_LIST.tableName]);
  await refuseForgottenPolicy(trx, schema, options);

  const { applied, takeover, firstRun } = await migrateDatabase(db, trx, {
    ...options,
    schema,
    applicationSchema,
    watch: () => watchPolicy(trx, schema, options),
  });
  for (const name of applied) {
    logger.info(
      { event: 'migration_applied', name },
      dryRun ? 'Would apply the migration' : 'Migration applied',
    );
  }
  if (takeover !== null) {
    logger.warn(
      { event: 'table_taken_over', ...takeover },
      dryRun ? 'Would take over the existing casbin table' : 'Existing casbin table taken over',
    );
  }

  const context = shareContext({ db: trx, logger, schema, firstRun, dryRun }, () =>
    createAdapter(session.client, { schema }),
  );
  const enter = (seeder: string) => session.enter(`seeder "${seeder}"`);
  const seeders = await runSeeders(options.seeders, context, progress, enter);
  session.enter('the verification');
  // What a deferred trigger does, it does now: at the commit, nobody would verify it.
  await sql`set constraints all immediate`.execute(trx);
  const live = options.verify === null ? NOTHING_READ : await readPolicy(trx, options);
  const verification = await stayAwake(trx, options, () => judge(trx, options, live));

  const changed = applied.length > 0 || takeover !== null || seeders.some(({ inserted }) => inserted > 0);
  if (changed) await announceChange(trx, options.notifyChannel);
  const migrations = applied.map((name) => ({ name, status: 'applied' as const }));
  return { changed, migrations, takeover, seeders, verification };
}
