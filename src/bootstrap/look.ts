import { type RawBuilder, sql } from 'kysely';
import { quoteTable, tableIn } from '../database/catalog.ts';
import { ENGINE_EXPRESSION, engineOf } from '../database/engine.ts';
import { askInOneMessage } from '../database/message.ts';
import {
  type HiddenRows,
  hiddenRowsColumns,
  NOTHING_HIDDEN,
  refuseHiddenRows,
} from '../database/privileges.ts';
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
import { type Migrations, PACKAGE_LIST } from '../migrator/migration.ts';
import { onEngine, type ResolvedOptions, withRuleTable } from '../options/resolve.ts';
import type { OwnershipReport } from '../report.ts';
import { bindContext, type SharedContext, shareContext } from '../seeding/run.ts';
import type { RunnableSeeder } from '../seeding/seeder.ts';
import { findRuleTable } from '../tables/find-rule-table.ts';
import { newestVersionExpression, type RecordedVersion } from '../tables/rule-record.ts';
import { USUAL_NAMES } from '../tables/rule-table.ts';
import { findRepeated } from '../verification/integrity.ts';
import { isSettled, reportUnchanged, withoutKeptAway } from './ownership.ts';
import { keepRuleCount, type LivePolicy, policyQueries, readCounted } from './read-policy.ts';

/** A database in which nothing is missing. */
export interface Complete {
  /** With the rule table that is there. */
  readonly options: ResolvedOptions;
  readonly live: LivePolicy;
  readonly ownership: OwnershipReport | null;
}

/**
 * Looks whether anything is missing, without changing anything and without a lock that somebody could wait for: in
 * one round trip for up to 10,000 defined rules and as many rows of each row seeder, where the rule table is the one
 * that is expected; another one is looked for before. What does not fit into that, and the seeders of the application,
 * are asked in a read-only transaction afterwards.
 *
 * @returns null when anything is missing
 */
export async function lookAtDatabase(
  session: Session,
  db: AnyKysely,
  given: ResolvedOptions,
): Promise<Complete | null> {
  try {
    const looked = await lookAtOnce(session, given);
    if (looked === null) return null;
    const { options, seen } = looked;
    const { state, live, unasked } = seen;
    const complete =
      state !== null && live !== null && unasked.length === 0
        ? { state, live, options }
        : await askAfterwards(db, options.schema)((trx) => lookFurther(trx, options, seen));
    if (complete === null) return null;
    const kept = await leaveAway(db, complete);
    if (kept === null) return null;
    const { newestVersion, engine } = complete.state;
    logUnknown(kept, complete.state);
    const ownership = kept.ownership && reportUnchanged(kept.ownership, newestVersion);
    return { live: complete.live, ownership, options: onEngine(kept, engineOf(engine)) };
  } catch (error) {
    const isAbandoned = error instanceof StepFailure && error.cause instanceof LookAbandoned;
    if (isAbandoned || isAbsence(error)) return null;
    throw error;
  }
}

/** The options without the missing rules, where all of them stay away; else null. */
async function leaveAway(db: AnyKysely, { options, live }: Looked): Promise<ResolvedOptions | null> {
  const { ownership, defined, schema } = options;
  if (ownership === null || defined.without(live.rules).length === 0) return options;
  const kept = await askAfterwards(db, schema)((trx) => withoutKeptAway(trx, options, live));
  return kept.defined.without(live.rules).length === 0 ? kept : null;
}

/** The answer of a message about the rule table that was expected: there may be another one. */
const ELSEWHERE = Symbol('elsewhere');

/**
 * Asks about the rule table that is expected; where that need not be the one, looks which one is there, and asks about
 * that. Null when anything is missing.
 */
async function lookAtOnce(
  session: Session,
  given: ResolvedOptions,
): Promise<{ options: ResolvedOptions; seen: Seen } | null> {
  if (given.ruleTable.isKnownUnseen) {
    const seen = await lookInOneMessage(session, given, 'expected');
    if (seen !== ELSEWHERE) return seen && { options: given, seen };
  }
  const { table, isMissing } = await findRuleTable(session.client, given.schema, given.table, given.engine);
  if (isMissing) return null;
  const options = withRuleTable(given, table);
  const seen = await lookInOneMessage(session, options, 'found');
  return seen === null || seen === ELSEWHERE ? null : { options, seen };
}

interface Looked {
  readonly options: ResolvedOptions;
  readonly state: State;
  readonly live: LivePolicy;
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
  options: ResolvedOptions,
  ruleTable: 'expected' | 'found',
): Promise<Seen | typeof ELSEWHERE | null> {
  const seeders = options.seeders.filter(({ isPolicy }) => !isPolicy);
  const isExpected = ruleTable === 'expected';
  const policy = policyQueries(options);
  const unasked: RunnableSeeder[] = [];
  const rowQueries = seeders.flatMap((seeder) => {
    const query = seeder.selectMissing?.() ?? null;
    if (query === null) unasked.push(seeder);
    return query ?? [];
  });
  const queries = [stateQuery(options, isExpected), ...policy.queries, ...rowQueries];
  const results = await askInOneMessage(session, options, queries).catch((error: unknown) => {
    if (isExpected && isUnexpected(error, options)) return ELSEWHERE;
    if (isClear(error, session)) throw error;
    return null;
  });
  if (results === ELSEWHERE) return ELSEWHERE;
  if (results === null) return { state: null, live: null, unasked: seeders };

  const [[found] = [], ...others] = results;
  const state = requireState(found);
  if (state.otherTables > 0) return ELSEWHERE;
  if (!isMigrated(options, state)) return null;
  const [rules, missing] = [others.slice(0, policy.queries.length), others.slice(policy.queries.length)];
  const live = await policy.read(rules, state.rules);
  if (live !== null && isIncomplete(options, state, live)) return null;
  if (missing.some(({ length }) => length > 0)) return null;
  return { state, live, unasked };
}

/** Whether a bootstrap has something to do to the rules; which missing ones may stay away is asked afterwards. */
function isIncomplete(
  { defined, table, ownership }: ResolvedOptions,
  { newestVersion }: State,
  { rules }: LivePolicy,
): boolean {
  if (table.duplicates === 'remove' && findRepeated(rules).length > 0) return true;
  return ownership === null ? defined.without(rules).length > 0 : !isSettled(ownership, newestVersion);
}

/** Makes a function that asks what only some looks have to know, in a transaction of its own. */
export function askAfterwards(db: AnyKysely, schema: string | undefined) {
  return <T>(ask: (trx: AnyTransaction) => Promise<T>): Promise<T> =>
    inReadOnlyTransaction(db, async (trx) => {
      await setSearchPath(trx, schema);
      return ask(trx);
    });
}

/** Whether an error may mean that the rule table is another one than expected, or has other columns. */
function isUnexpected(error: unknown, { table }: ResolvedOptions): boolean {
  const isNotThere = table.name === undefined && isAbsence(error);
  return (
    isNotThere ||
    errorCode(error) === SQLSTATE.UNDEFINED_COLUMN ||
    errorCode(error) === SQLSTATE.UNDEFINED_FUNCTION
  );
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
): Promise<Looked | null> {
  const state = seen.state ?? (await readState(trx, options));
  if (!isMigrated(options, state)) return null;
  const live = seen.live ?? (await readCounted(trx, options, state.rules));
  if (isIncomplete(options, state, live)) return null;
  const { logger, schema, dryRun, ruleTable } = options;
  const context = shareContext({ db: trx, logger, schema, firstRun: false, dryRun, ruleTable });
  for (const seeder of seen.unasked) {
    if (!(await isSeeded(seeder, context, options))) return null;
  }
  return { options, state, live };
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
  /** What the server says that it is. */
  readonly engine: string;
  /** How many other tables there are that could hold the rules. */
  readonly otherTables: number;
  /** Of the definition; null where none is recorded, or the definition has none. */
  readonly newestVersion: RecordedVersion | null;
}

/** Sets the search_path, and reads which migrations are applied; tables are qualified, as the path is not set yet. */
function stateQuery(options: ResolvedOptions, isExpected = false): RawBuilder<State> {
  // Where there is nothing to migrate, there need be no record of it.
  const namesIn = (table: string, migrations: Migrations | null) =>
    Object.keys(migrations ?? {}).length === 0
      ? sql`'[]'::json`
      : sql`(select coalesce(json_agg(name), '[]') from ${tableIn(options.schema, table)})`;
  return sql<State>`
    select
      ${namesIn(PACKAGE_LIST.tableName, options.packageMigrations)} as "packageNames",
      ${namesIn(options.applicationList.tableName, options.applicationMigrations)} as "applicationNames",
      ${keepRuleCount(options)} as rules,
      ${options.isEngineKnown ? sql.lit('') : sql.raw(ENGINE_EXPRESSION)} as engine,
      ${isExpected ? otherTablesExpression(options) : sql.lit(0)} as "otherTables",
      ${options.ownership === null ? sql`null` : sql.raw(newestVersionExpression(options.ruleTable))} as "newestVersion",
      ${options.engine.commitsDdl ? NOTHING_HIDDEN : hiddenRowsColumns([options.ruleTable.sql, quoteTable(PACKAGE_LIST.tableName, options.schema)])},
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
