import { type RawBuilder, sql } from 'kysely';
import { nameRuleTable } from '../casbin/live-policy.ts';
import { tableIn } from '../database/catalog.ts';
import { askInOneMessage } from '../database/message.ts';
import { type HiddenRows, hiddenRowsColumns, refuseHiddenRows } from '../database/privileges.ts';
import { isConnectionLoss, type Session } from '../database/session.ts';
import { errorCode, isAbsence, SQLSTATE } from '../database/sqlstates.ts';
import { LookAbandoned, StepFailure } from '../database/step-failure.ts';
import {
  type AnyKysely,
  type AnyTransaction,
  inReadOnlyTransaction,
  searchPathExpression,
  setSearchPath,
} from '../database/transaction.ts';
import { isConflict } from '../failure/retry.ts';
import { PACKAGE_LIST } from '../migrator/migration.ts';
import type { ResolvedOptions } from '../options/resolve.ts';
import { bindContext, type SharedContext, shareContext } from '../seeding/run.ts';
import type { RunnableSeeder } from '../seeding/seeder.ts';
import { chooseScope, keepRuleCount, type LivePolicy, policyQueries, readScope } from './read-policy.ts';

/**
 * Looks whether anything is missing, without changing anything and without a lock that somebody could wait for: in
 * one round trip for up to 10,000 defined rules and as many rows of each row seeder. What does not fit into that, and
 * the seeders of the application, are asked in a read-only transaction afterwards.
 *
 * @returns the live policy; null when anything is missing
 */
export async function lookAtDatabase(
  session: Session,
  db: AnyKysely,
  options: ResolvedOptions,
): Promise<LivePolicy | null> {
  try {
    const seen = await lookInOneMessage(session, db, options);
    if (seen === null) return null;
    const { state, live, unasked } = seen;
    const complete =
      state !== null && live !== null && unasked.length === 0
        ? { state, live }
        : await askAfterwards(db, options.schema)((trx) => lookFurther(trx, options, seen));
    if (complete === null) return null;
    logUnknown(options, complete.state);
    return complete.live;
  } catch (error) {
    const isAbandoned = error instanceof StepFailure && error.cause instanceof LookAbandoned;
    if (isAbandoned || isAbsence(error)) return null;
    throw error;
  }
}

/** What is known after the message; nothing of that is missing. */
interface Seen {
  readonly state: State | null;
  readonly live: LivePolicy | null;
  /** The seeders that were not asked yet. */
  readonly unasked: readonly RunnableSeeder[];
}

/** What can be asked in one message; null when anything is missing. */
async function lookInOneMessage(
  session: Session,
  db: AnyKysely,
  options: ResolvedOptions,
): Promise<Seen | null> {
  const seeders = options.seeders.filter(({ isPolicy }) => !isPolicy);
  const policy = policyQueries(options);
  const unasked: RunnableSeeder[] = [];
  const rowQueries = seeders.flatMap((seeder) => {
    const query = seeder.selectMissing?.() ?? null;
    if (query === null) unasked.push(seeder);
    return query ?? [];
  });
  const queries = [stateQuery(options), ...policy.queries, ...rowQueries];
  const results = await askInOneMessage(session, options, queries).catch((error: unknown) => {
    if (isClear(error, session)) throw error;
    return null;
  });
  if (results === null) return { state: null, live: null, unasked: seeders };

  const [[found] = [], ...others] = results;
  const state = requireState(found);
  if (!isMigrated(options, state)) return null;
  const [rules, missing] = [others.slice(0, policy.queries.length), others.slice(policy.queries.length)];
  const nameTable = () => askAfterwards(db, options.schema)(nameRuleTable);
  const live = await policy.read(rules, state.rules, nameTable);
  if (live !== null && options.defined.without(live.rules).length > 0) return null;
  if (missing.some(({ length }) => length > 0)) return null;
  return { state, live, unasked };
}

/** Makes a function that asks what only some looks have to know, in a transaction of its own. */
export function askAfterwards(db: AnyKysely, schema: string | undefined) {
  return <T>(ask: (trx: AnyTransaction) => Promise<T>): Promise<T> =>
    inReadOnlyTransaction(db, async (trx) => {
      await setSearchPath(trx, schema);
      return ask(trx);
    });
}

/** Whether an error needs no second look that asks one by one, to tell what it is about. */
function isClear(error: unknown, session: Session): boolean {
  const code = errorCode(error);
  const isLate = code === SQLSTATE.LOCK_NOT_AVAILABLE || code === SQLSTATE.QUERY_CANCELED;
  return (
    session.broken !== null || isConnectionLoss(error) || isConflict(error) || isAbsence(error) || isLate
  );
}

/** The rest of a look, in a transaction of its own; null when anything is missing. */
async function lookFurther(
  trx: AnyTransaction,
  options: ResolvedOptions,
  seen: Seen,
): Promise<{ state: State; live: LivePolicy } | null> {
  const state = seen.state ?? (await readState(trx, options));
  if (!isMigrated(options, state)) return null;
  const live = seen.live ?? (await readScope(trx, chooseScope(options, state.rules), options));
  if (options.defined.without(live.rules).length > 0) return null;
  const { logger, schema, dryRun } = options;
  const context = shareContext({ db: trx, logger, schema, firstRun: false, dryRun });
  for (const seeder of seen.unasked) {
    if (!(await isSeeded(seeder, context, options))) return null;
  }
  return { state, live };
}

async function isSeeded(
  seeder: RunnableSeeder,
  context: SharedContext,
  { progress }: ResolvedOptions,
): Promise<boolean> {
  const { name, total = 0 } = seeder;
  try {
    return (await seeder.isSeeded?.(bindContext(context, progress.start('read', total, name)))) ?? false;
  } catch (error) {
    throw new StepFailure({ kind: 'seeder', name }, error);
  }
}

interface State extends HiddenRows {
  readonly packageNames: readonly string[];
  readonly applicationNames: readonly string[];
  readonly rules: number;
}

/** Sets the search_path, and reads which migrations are applied; tables are qualified, as the path is not set yet. */
function stateQuery(options: ResolvedOptions): RawBuilder<State> {
  const names = (table: string) =>
    sql`(select coalesce(json_agg(name), '[]') from ${tableIn(options.schema, table)})`;
  const none = sql`'[]'::json`;
  return sql<State>`
    select
      ${options.packageMigrations === null ? none : names(PACKAGE_LIST.tableName)} as "packageNames",
      ${options.applicationMigrations === null ? none : names(options.applicationList.tableName)} as "applicationNames",
      ${keepRuleCount(options)} as rules,
      ${hiddenRowsColumns(options.schema, ['casbin', PACKAGE_LIST.tableName])},
      ${searchPathExpression(options.schema)}
  `;
}

async function readState(trx: AnyTransaction, options: ResolvedOptions): Promise<State> {
  const { rows } = await stateQuery(options).execute(trx);
  return requireState(rows[0]);
}

function requireState(state: State | undefined): State {
  if (state === undefined) throw new Error('the database gave no answer');
  refuseHiddenRows(state);
  return state;
}

function isMigrated(options: ResolvedOptions, { packageNames, applicationNames }: State): boolean {
  const lists = [
    [options.packageMigrations, packageNames],
    [options.applicationMigrations, applicationNames],
  ] as const;
  return lists.every(([migrations, applied]) =>
    Object.keys(migrations ?? {}).every((name) => applied.includes(name)),
  );
}

/** Logs migrations that a newer release has applied. They do not matter here, as no known one is pending. */
function logUnknown(options: ResolvedOptions, { packageNames, applicationNames }: State): void {
  const { packageMigrations, applicationMigrations, logger } = options;
  const unknown = [
    ...packageNames.filter((name) => !Object.hasOwn(packageMigrations ?? {}, name)),
    ...applicationNames.filter((name) => !Object.hasOwn(applicationMigrations ?? {}, name)),
  ];
  if (unknown.length === 0) return;
  logger.info({ event: 'unknown_migrations', names: unknown }, 'Migrations of another release are applied');
}
