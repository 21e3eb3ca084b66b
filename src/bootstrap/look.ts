import { type RawBuilder, sql } from 'kysely';
import { quoteTable, tableIn } from '../database/catalog.ts';
import { askInOneMessage } from '../database/message.ts';
import { asClient } from '../database/own-queries.ts';
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
import { type ResolvedOptions, withRuleTable } from '../options/resolve.ts';
import { bindContext, type SharedContext, shareContext } from '../seeding/run.ts';
import type { RunnableSeeder } from '../seeding/seeder.ts';
import { findRuleTable } from '../tables/find-rule-table.ts';
import { USUAL_NAMES } from '../tables/rule-table.ts';
import { findRepeated } from '../verification/integrity.ts';
import { chooseScope, keepRuleCount, type LivePolicy, policyQueries, readScope } from './read-policy.ts';

/** A database in which nothing is missing. */
export interface Complete {
  /** With the rule table that is there. */
  readonly options: ResolvedOptions;
  readonly live: LivePolicy;
}

/**
 * Looks whether anything is missing, without changing anything and without a lock that somebody could wait for: in
 * one round trip for up to 10,000 defined rules and as many rows of each row seeder, where the rules are in the table
 * of casbin-pg-adapter. What does not fit into that, and the seeders of the application, are asked in a read-only
 * transaction afterwards.
 *
 * @returns null when anything is missing
 */
export async function lookAtDatabase(
  session: Session,
  db: AnyKysely,
  options: ResolvedOptions,
): Promise<Complete | null> {
  try {
    const seen = await lookInOneMessage(session, options);
    if (seen === null) return null;
    const { state, live, unasked } = seen;
    const complete =
      state !== null && live !== null && unasked.length === 0
        ? { state, live, options }
        : await askAfterwards(db, options.schema)((trx) => lookFurther(trx, options, seen));
    if (complete === null) return null;
    logUnknown(complete.options, complete.state);
    return complete;
  } catch (error) {
    const isAbandoned = error instanceof StepFailure && error.cause instanceof LookAbandoned;
    if (isAbandoned || isAbsence(error)) return null;
    throw error;
  }
}

/** What is known after the message; nothing of that is missing. */
interface Seen {
  /** Null where it is not known yet which rule table there is. */
  readonly state: State | null;
  readonly live: LivePolicy | null;
  /** The seeders that were not asked yet. */
  readonly unasked: readonly RunnableSeeder[];
}

/** What can be asked in one message; null when anything is missing. */
async function lookInOneMessage(session: Session, options: ResolvedOptions): Promise<Seen | null> {
  const seeders = options.seeders.filter(({ isPolicy }) => !isPolicy);
  const nothing = { state: null, live: null, unasked: seeders };
  if (options.ruleTable.layout !== 'document') return nothing;
  const policy = policyQueries(options);
  const unasked: RunnableSeeder[] = [];
  const rowQueries = seeders.flatMap((seeder) => {
    const query = seeder.selectMissing?.() ?? null;
    if (query === null) unasked.push(seeder);
    return query ?? [];
  });
  const queries = [stateQuery(options), ...policy.queries, ...rowQueries];
  const results = await askInOneMessage(session, options, queries).catch((error: unknown) => {
    if (isClear(error, session, options)) throw error;
    return null;
  });
  if (results === null) return nothing;

  const [[found] = [], ...others] = results;
  const state = requireState(found);
  if (state.otherTables > 0) return nothing;
  if (!isMigrated(options, state)) return null;
  const [rules, missing] = [others.slice(0, policy.queries.length), others.slice(policy.queries.length)];
  const live = await policy.read(rules, state.rules);
  if (live !== null && isIncomplete(options, live)) return null;
  if (missing.some(({ length }) => length > 0)) return null;
  return { state, live, unasked };
}

/** Whether a bootstrap has something to do to the rules. */
function isIncomplete({ defined, table }: ResolvedOptions, { rules }: LivePolicy): boolean {
  const removesDuplicates = table.duplicates === 'remove' && findRepeated(rules).length > 0;
  return removesDuplicates || defined.without(rules).length > 0;
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
function isClear(error: unknown, session: Session, { table }: ResolvedOptions): boolean {
  // Without a name, the rule table may be another one.
  const isMissing = isAbsence(error) && table.name !== undefined;
  const code = errorCode(error);
  const isLate = code === SQLSTATE.LOCK_NOT_AVAILABLE || code === SQLSTATE.QUERY_CANCELED;
  return session.broken !== null || isConnectionLoss(error) || isConflict(error) || isMissing || isLate;
}

/** The rest of a look, in a transaction of its own; null when anything is missing. */
async function lookFurther(
  trx: AnyTransaction,
  given: ResolvedOptions,
  seen: Seen,
): Promise<(Complete & { state: State }) | null> {
  const options = seen.state === null ? await locateRuleTable(trx, given) : given;
  if (options === null) return null;
  const state = seen.state ?? (await readState(trx, options));
  if (!isMigrated(options, state)) return null;
  const live = seen.live ?? (await readScope(trx, chooseScope(options, state.rules), options));
  if (isIncomplete(options, live)) return null;
  const { logger, schema, dryRun, ruleTable } = options;
  const context = shareContext({ db: trx, logger, schema, firstRun: false, dryRun, ruleTable });
  for (const seeder of seen.unasked) {
    if (!(await isSeeded(seeder, context, options))) return null;
  }
  return { options, state, live };
}

/** The same options for the rule table that is there; null when there is none. */
async function locateRuleTable(
  trx: AnyTransaction,
  options: ResolvedOptions,
): Promise<ResolvedOptions | null> {
  const { table, isMissing } = await findRuleTable(asClient(trx), options.schema, options.table);
  return isMissing ? null : withRuleTable(options, table);
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
  /** How many other tables there are that could hold the rules. */
  readonly otherTables: number;
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
      ${otherTablesExpression(options)} as "otherTables",
      ${hiddenRowsColumns([options.ruleTable.sql, quoteTable(PACKAGE_LIST.tableName, options.schema)])},
      ${searchPathExpression(options.schema)}
  `;
}

/** Tables of the other usual names that look like rule tables; a named rule table is the only one. */
function otherTablesExpression({ schema, table, ruleTable }: ResolvedOptions): RawBuilder<number> {
  if (table.name !== undefined) return sql.lit(0);
  const others = USUAL_NAMES.filter((name) => name !== ruleTable.name);
  return sql`(
    select count(*)::int
    from pg_catalog.pg_class c
    join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attname in ('ptype', 'p_type')
    where c.relname = any(${others}::text[])
    and ${
      schema === undefined
        ? sql`pg_table_is_visible(c.oid)`
        : sql`c.relnamespace = (select oid from pg_catalog.pg_namespace where nspname = ${schema})`
    }
  )`;
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
  const { packageMigrations, applicationMigrations, logger, ruleTable } = options;
  const unknown = [
    ...packageNames.filter(
      (name) => !Object.hasOwn(packageMigrations ?? {}, name) && name !== ruleTable.migrationName,
    ),
    ...applicationNames.filter((name) => !Object.hasOwn(applicationMigrations ?? {}, name)),
  ];
  if (unknown.length === 0) return;
  logger.info({ event: 'unknown_migrations', names: unknown }, 'Migrations of another release are applied');
}
