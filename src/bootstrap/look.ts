import { sql } from 'kysely';
import type { OwnershipReport } from '../bootstrap-report.ts';
import { WHOLE } from '../casbin/scope.ts';
import { notCitus } from '../database/citus.ts';
import { createKysely, type TransactionLimits } from '../database/dialect.ts';
import { engineOf } from '../database/engine.ts';
import { askInOneMessage } from '../database/message.ts';
import { refuseHiddenRows } from '../database/privileges.ts';
import type { Session } from '../database/session.ts';
import { errorCode, isAbsence, SQLSTATE } from '../database/sqlstates.ts';
import { LookAbandoned, StepFailure } from '../database/step-failure.ts';
import {
  type AnyTransaction,
  type AskFurther,
  inReadOnlyTransaction,
  setSearchPath,
} from '../database/transaction.ts';
import { onEngine, type ResolvedOptions, withRuleTable } from '../options/resolved-options.ts';
import { bindContext, type SharedContext, shareContext } from '../seeding/run.ts';
import type { RunnableSeeder } from '../seeding/seeder.ts';
import { findRuleTable } from '../tables/find-rule-table.ts';
import type { SelectedRow } from '../tables/live-policy.ts';
import { describeRows, isOwnSchema, Misshapen, recognise, toShapeParts } from '../tables/table-shape.ts';
import { findRepeated } from '../verification/integrity.ts';
import { type BlockFindings, FETCH_RULES, lookBlock, selectFound } from './look-block.ts';
import {
  isMigrated,
  listsOf,
  logUnknown,
  readState,
  requireState,
  type State,
  stateInBlock,
  stateQuery,
} from './look-state.ts';
import { type LivePolicy, planPolicy, policyQueries, readCounted, takePolicy } from './read-policy.ts';
import { isSettled, reportUnchanged, withOwnership } from './settle-ownership.ts';

/** What a look found in a database in which nothing is missing. */
export interface CompleteDatabase {
  /** The options, with the existing rule table. */
  readonly options: ResolvedOptions;
  readonly live: LivePolicy;
  readonly ownership: OwnershipReport | null;
}

/**
 * Looks whether anything is missing, without changing anything and without a lock that somebody could wait for. It
 * takes one round trip for up to 10,000 defined rules and as many rows of each row seeder. What does not fit into that,
 * and the seeders of the application, are asked in a read-only transaction afterwards.
 *
 * @returns null when anything is missing
 */
export async function lookAtDatabase(
  session: Session,
  given: ResolvedOptions,
): Promise<CompleteDatabase | null> {
  try {
    const seen = await lookAtOnce(session, given);
    if (seen === null) return null;
    const { options, state, live, unasked } = seen;
    const looked =
      state !== null && live !== null && unasked.length === 0
        ? { state, live, options }
        : await createAskFurther(session, { ...options, schema: seen.home, endsSettings: true })((trx) =>
            lookFurther(session, trx, seen),
          );
    if (looked === null) return null;
    const { newestVersion, engine } = looked.state;
    if (given.engine.name === 'citus' && engineOf(engine) !== given.engine) throw notCitus();
    const askFurther = createAskFurther(session, looked.options);
    if (await hasRemovable(askFurther, looked)) return null;
    const kept = await withOwnership(askFurther, looked.options, looked.live, newestVersion);
    if (kept.defined.without(looked.live.rules).length > 0 || kept.left.isToMove) return null;
    logUnknown(kept, looked.state);
    const ownership = kept.ownership && reportUnchanged(kept.ownership, newestVersion, kept.left);
    // The engine brings the table that is expected on it; this is the one that was found.
    const located = withRuleTable(onEngine(kept, engineOf(engine)), kept.ruleTable);
    return { live: looked.live, ownership, options: located };
  } catch (error) {
    const isAbandoned = error instanceof StepFailure && error.cause instanceof LookAbandoned;
    if (isAbandoned || isAbsence(error)) return null;
    throw error;
  }
}

/** Whether there are rules to remove among those that were not read. */
async function hasRemovable(
  askFurther: AskFurther,
  { options: { table, ruleTable }, live }: Looked,
): Promise<boolean> {
  if (table.duplicates !== 'remove' || ruleTable.isUnique || live.scope === 'whole') return false;
  return askFurther((trx) => ruleTable.hasRemovable(trx));
}

/** What is known after the message: so far, nothing is missing. */
interface Seen {
  readonly options: ResolvedOptions;
  readonly state: State | null;
  readonly live: LivePolicy | null;
  /** The seeders that were not checked yet. */
  readonly unasked: readonly RunnableSeeder[];
  /** The schema that the rule table is in, and the tables of seeders; undefined where the search_path leads there. */
  readonly home: string | undefined;
}

/**
 * Asks everything in one message, which also finds the rule table. If that fails, looks for the table first, and then
 * asks about it. Null when anything is missing.
 */
async function lookAtOnce(session: Session, given: ResolvedOptions): Promise<Seen | null> {
  // Other engines may not know such a block.
  const seen = given.engine.commitsDdl ? 'unclear' : await lookForTable(session, given);
  if (seen !== 'unclear') return seen;
  const { table, isMissing } = await findRuleTable(session.client, given.schema, given.table, given.engine);
  return isMissing ? null : lookAtTable(session, withRuleTable(given, table));
}

interface Looked {
  readonly options: ResolvedOptions;
  readonly state: State;
  readonly live: LivePolicy;
}

/** Asks about the rule table, whichever one is there, in one message; `unclear` if that fails or does not find it. */
async function lookForTable(session: Session, given: ResolvedOptions): Promise<Seen | 'unclear' | null> {
  const plan = planPolicy(given);
  const { queries: rowQueries, unasked } = queryRows(given);
  const block = lookBlock(given, plan, listsOf(given), stateInBlock(given));
  const queries = [block, selectFound(), FETCH_RULES, ...rowQueries];
  const results = await askInOneMessage(session, given, queries).catch((error: unknown) => {
    if (isLate(error) || isAbsence(error)) throw error;
    return null;
  });
  if (results === null) return 'unclear';
  const [, [answer] = [], rows = [], ...missing] = results;
  const found: BlockFindings & State = answer.found;
  if (found.candidates === 0) return null;
  const options = recogniseFound(given, found, rows);
  if (options === null) return 'unclear';
  refuseHiddenRows(found);
  if (!isMigrated(options, found)) return null;
  const part = plan?.part ?? null;
  if (found.fetched === 'nothing' && part !== null) return lookAtTable(session, options);
  const scope = found.fetched === 'reachable' && part !== null ? part : WHOLE;
  const live = found.fetched === 'nothing' ? null : await takePolicy(options, rows, scope);
  return nullIfIncomplete({ options, state: found, live, unasked, home: found.home ?? undefined }, missing);
}

/**
 * The options for the table that a block has found. Null if it is not a rule table, was not read as one, or has no row,
 * so that its columns are not known.
 */
function recogniseFound(
  given: ResolvedOptions,
  { candidates, fetched, sql, path, shape }: BlockFindings,
  rows: readonly SelectedRow[],
): ResolvedOptions | null {
  if (candidates > 1) return null;
  if (sql === null || path === null) return given;
  const [schema, name] = path;
  const parts = shape === null ? describeRows(rows) : toShapeParts(shape);
  const isView = shape?.isView ?? false;
  const table = recognise(
    { schema, name, sql, isReadable: true, isView, ...parts },
    given.table,
    given.engine,
  );
  if (table instanceof Misshapen || isOwnSchema(schema)) return null;
  return fetched === 'nothing' || fetched === table.identity ? withRuleTable(given, table) : null;
}

/** Asks about the rule table that was found, in one message. */
async function lookAtTable(session: Session, options: ResolvedOptions): Promise<Seen | null> {
  const home = options.schema ?? options.ruleTable.schema;
  const policy = policyQueries(options);
  const { queries: rowQueries, unasked } = queryRows(options);
  const queries = [stateQuery(options), ...policy.queries, ...rowQueries];
  const results = await askInOneMessage(session, options, queries).catch((error: unknown) => {
    if (isLate(error)) throw error;
    return null;
  });
  if (results === null) return { options, state: null, live: null, unasked: otherSeeders(options), home };

  const [[answer] = [], ...rest] = results;
  const state = requireState(answer);
  if (!isMigrated(options, state)) return null;
  const live = await policy.read(rest.slice(0, policy.queries.length), state.rules);
  return nullIfIncomplete({ options, state, live, unasked, home }, rest.slice(policy.queries.length));
}

/** What was seen; null if anything is missing. `missing` are the rows that each row seeder would insert. */
function nullIfIncomplete(
  seen: Seen & { readonly state: State },
  missing: readonly unknown[][],
): Seen | null {
  const { options, state, live } = seen;
  if (live !== null && isIncomplete(options, state, live)) return null;
  return missing.some(({ length }) => length > 0) ? null : seen;
}

/** The queries of the row seeders, and the seeders that have none. */
function queryRows(options: ResolvedOptions) {
  const unasked: RunnableSeeder[] = [];
  const queries = otherSeeders(options).flatMap((seeder) => {
    const query = seeder.selectMissing?.(options.engine) ?? null;
    if (query === null) unasked.push(seeder);
    return query ?? [];
  });
  return { queries, unasked };
}

/** The seeders other than the policy's. */
function otherSeeders({ seeders }: ResolvedOptions): RunnableSeeder[] {
  return seeders.filter(({ isPolicy }) => !isPolicy);
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

/** Creates a function that runs further queries in a transaction of its own, for the few looks that need them. */
export function createAskFurther(
  session: Session,
  options: ResolvedOptions & Pick<TransactionLimits, 'endsSettings'>,
): AskFurther {
  return (ask) =>
    inReadOnlyTransaction(createKysely(session, options), async (trx) => {
      await setSearchPath(trx, options.schema);
      return ask(trx);
    });
}

/** Whether the time for an answer was over. A second look, which asks one by one, would take as long again. */
function isLate(error: unknown): boolean {
  const code = errorCode(error);
  return code === SQLSTATE.LOCK_NOT_AVAILABLE || code === SQLSTATE.QUERY_CANCELED;
}

/** The rest of a look, in a transaction of its own; null when anything is missing. */
async function lookFurther(session: Session, trx: AnyTransaction, seen: Seen): Promise<Looked | null> {
  const { options, home: schema } = seen;
  const state = seen.state ?? (await readState(trx, options));
  if (!isMigrated(options, state)) return null;
  const live = seen.live ?? (await readCounted(trx, options, state.rules));
  if (isIncomplete(options, state, live)) return null;
  const { logger, dryRun, ruleTable } = options;
  const context = shareContext({ db: trx, logger, schema, firstRun: false, dryRun, ruleTable });
  for (const seeder of seen.unasked) {
    if (!(await isSeeded(session, seeder, context, options))) return null;
  }
  return { options, state, live };
}

async function isSeeded(
  session: Session,
  seeder: RunnableSeeder,
  context: SharedContext,
  { progress }: ResolvedOptions,
): Promise<boolean> {
  const { name, total = 0 } = seeder;
  if (seeder.isSeeded === undefined) return false;
  const before = session.failures;
  try {
    const seeded = await seeder.isSeeded(bindContext(context, progress.start('read', total, name)));
    // An error that it has caught may have aborted the transaction.
    if (session.failures > before) await sql`select`.execute(context.db);
    return seeded;
  } catch (error) {
    throw new StepFailure({ kind: 'seeder', name }, error);
  }
}
