import { sql } from 'kysely';
import { createAdapter } from '../casbin/adapter.ts';
import { type HiddenRows, hiddenRowsColumns, refuseHiddenRows } from '../database/row-security.ts';
import type { Session } from '../database/session.ts';
import { StepFailure } from '../database/step-failure.ts';
import { tableIn } from '../database/table.ts';
import { type AnyTransaction, searchPathExpression } from '../database/transaction.ts';
import { PACKAGE_LIST } from '../migration/migration.ts';
import type { ResolvedOptions } from '../options/resolve.ts';
import { bindContext, type SharedContext, shareContext } from '../seeding/context.ts';
import type { Seeder } from '../seeding/seeder.ts';
import { chooseScope, type LivePolicy, NOTHING_READ, readScope, ruleCountExpression } from './scope.ts';

/** What a database has, seen without changing anything. */
export interface Look {
  /** Whether nothing is missing. */
  readonly complete: boolean;
  readonly live: LivePolicy;
  readonly context: SharedContext;
}

/**
 * Looks whether anything is missing, in the transaction `trx`. For the default seeders in three queries: the
 * migrations, the policy, the providers.
 *
 * Throws 42P01 or 3F000 when a table or the schema is missing.
 */
export async function lookAtDatabase(
  session: Session,
  trx: AnyTransaction,
  options: ResolvedOptions,
): Promise<Look> {
  const { logger, schema, dryRun } = options;
  const context = shareContext({ db: trx, logger, schema, firstRun: false, dryRun }, () =>
    createAdapter(session.client, { schema }),
  );
  const { packageNames, applicationNames, rules } = await readState(trx, options);
  const pending = [
    ...pendingNames(options.packageMigrations, packageNames),
    ...pendingNames(options.applicationMigrations, applicationNames),
  ];
  if (pending.length > 0) return { complete: false, live: NOTHING_READ, context };

  const live = await readScope(trx, chooseScope(options, rules), options);
  if (options.defined.without(live.rules).length > 0) return { complete: false, live, context };
  for (const seeder of options.seeders.slice(1)) {
    if (!(await isSeeded(seeder, context, options))) return { complete: false, live, context };
  }
  logUnknown(options, packageNames, applicationNames);
  return { complete: true, live, context };
}

interface State {
  readonly packageNames: readonly string[];
  readonly applicationNames: readonly string[];
  readonly rules: number;
}

/** Sets the search_path and reads the migrations in one round trip; tables are qualified, as the path is not set yet. */
async function readState(trx: AnyTransaction, options: ResolvedOptions): Promise<State> {
  const names = (table: string) =>
    sql`(select coalesce(json_agg(name), '[]') from ${tableIn(options.schema, table)})`;
  const none = sql`'[]'::json`;
  const { rows } = await sql<State & HiddenRows>`
    select
      ${options.packageMigrations === null ? none : names(PACKAGE_LIST.tableName)} as "packageNames",
      ${options.applicationMigrations === null ? none : names(options.applicationList.tableName)} as "applicationNames",
      ${ruleCountExpression(options, options.schema)} as rules,
      ${hiddenRowsColumns(options.schema, ['casbin', PACKAGE_LIST.tableName])},
      ${searchPathExpression(options.schema)}
  `.execute(trx);
  const [state] = rows;
  if (state === undefined) throw new Error('the database gave no answer');
  refuseHiddenRows(state);
  return state;
}

function pendingNames(migrations: object | null, applied: readonly string[]): string[] {
  return Object.keys(migrations ?? {}).filter((name) => !applied.includes(name));
}

async function isSeeded(
  seeder: Seeder,
  context: SharedContext,
  { progress }: ResolvedOptions,
): Promise<boolean> {
  const { name, total = 0 } = seeder;
  try {
    return (await seeder.isSeeded?.(bindContext(context, progress.start('read', total, name)))) ?? false;
  } catch (error) {
    throw new StepFailure({ kind: 'seeder', name: seeder.name }, error);
  }
}

/** Names that a newer release has applied: none of our business, as nothing of our own is pending. */
function logUnknown(
  options: ResolvedOptions,
  packageNames: readonly string[],
  applicationNames: readonly string[],
) {
  const unknown = [
    ...packageNames.filter((name) => !Object.hasOwn(options.packageMigrations ?? {}, name)),
    ...applicationNames.filter((name) => !Object.hasOwn(options.applicationMigrations ?? {}, name)),
  ];
  if (unknown.length === 0) return;
  options.logger.info(
    { event: 'unknown_migrations', names: unknown },
    'Migrations of another release are applied',
  );
}
