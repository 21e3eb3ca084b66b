import { sql } from 'kysely';
import { resolveSchemas } from './bootstrap/schemas.ts';
import { readAsStockAdapter } from './casbin/distortion.ts';
import type { StoredRule } from './casbin/rule-row.ts';
import { reachableScope, WHOLE } from './casbin/scope.ts';
import { eachOnce } from './collections.ts';
import { identifyTable } from './database/catalog.ts';
import { isSource, type PoolLike } from './database/client.ts';
import { createKysely } from './database/dialect.ts';
import { acquireBootstrapLock } from './database/lock.ts';
import { asClient } from './database/own-queries.ts';
import { requireAllRows } from './database/privileges.ts';
import { type Session, withGrace, withSession } from './database/session.ts';
import {
  type AnyKysely,
  type AnyTransaction,
  inWriteTransaction,
  setSearchPath,
  stayAwake,
} from './database/transaction.ts';
import {
  DatabaseError,
  InvalidOptionsError,
  type Problem,
  StoredRuleError,
  VerificationError,
} from './errors.ts';
import { explainFailure } from './failure/explain-failure.ts';
import { findConflict, retryConflicts } from './failure/retry.ts';
import { inspectDatabase } from './inspect/inspect-database.ts';
import { resolveOptions } from './options/resolve.ts';
import type { ResolvedOptions } from './options/resolved-options.ts';
import type { BootstrapOptions } from './options.ts';
import { formatRule, type Rule } from './policy/rule.ts';
import { RuleSet } from './policy/rule-set.ts';
import { findRuleTable } from './tables/find-rule-table.ts';
import { seedRules, withoutRepetitions } from './tables/insert.ts';
import { readLivePolicy } from './tables/live-policy.ts';
import type { RuleTable, RuleTableOptions } from './tables/rule-table.ts';
import { holdersAmong } from './verification/drift.ts';
import { collectPromises } from './verification/promises.ts';
import { verifyPolicy } from './verification/verify-policy.ts';
import type { VerificationReport } from './verification-report.ts';

/** The place from which, or to which, rules are copied. */
export interface RulePlace {
  /** Use the same pool for both places if they are in one database. */
  readonly pool: PoolLike;
  /** Default: the connection's search_path. */
  readonly schema?: string | undefined;
  /** Default: the existing table with a usual name. */
  readonly table?: string | RuleTableOptions | undefined;
}

/** The places, and how decisions are verified. */
export interface CopyOptions extends Pick<BootstrapOptions, 'model' | 'configureEnforcer' | 'logger'> {
  /** This table is only read. */
  readonly from: RulePlace;
  /** This table is created if it is missing. The rules that it already has stay there. */
  readonly to: RulePlace;
}

/** The result of a copy. */
export interface CopyReport {
  /** How many rules were inserted. */
  readonly copied: number;
  /** How many were already there. A rule that the old table has more than once counts once. */
  readonly existing: number;
  /** The verification of the new table against the rules of the old one. */
  readonly verification: VerificationReport;
}

/**
 * Copies a policy from one rule table to another, of either layout, in one transaction: for a team that changes its
 * adapter. The new table must decide every request that follows from the rules as the old one does, or nothing is kept.
 * Stop the writers of the old table while it runs.
 *
 * @throws InvalidOptionsError for options that can't be used
 * @throws StoredRuleError with the row ids of rules that do not fit the new table, or that its adapters would read
 *   differently
 * @throws VerificationError if the new table decides differently, for example because of rules that it had before
 * @throws BootstrapError as a bootstrap, for everything else
 */
export async function copyRules(given: CopyOptions): Promise<CopyReport> {
  const { from, to, ...rest } = given ?? {};
  const [source, options] = await resolvePlaces(from, to, rest);
  const old = from.pool === to.pool ? null : await readElsewhere(from.pool, source);
  const attempt = () => withSession(to.pool, (session) => copyOnce(session, old, source, options), options);
  return retryConflicts(attempt, options.logger).catch(async (error: unknown) => {
    throw await explainFailure(error, options, null);
  });
}

/**
 * The options of a bootstrap in the one place, and in the other.
 *
 * @throws InvalidOptionsError with the problems of both, each once
 */
async function resolvePlaces(
  from: RulePlace,
  to: RulePlace,
  rest: Omit<CopyOptions, 'from' | 'to'>,
): Promise<readonly [source: ResolvedOptions, options: ResolvedOptions]> {
  const [source, options] = [await resolvePlace('from', from, rest), await resolvePlace('to', to, rest)];
  if (!Array.isArray(source) && !Array.isArray(options)) return [source, options];
  const problems: Problem[] = [source, options].flatMap((one) => (Array.isArray(one) ? one : []));
  throw new InvalidOptionsError(eachOnce(problems));
}

/** The options of a bootstrap at a place, or all problems. Problems of the place are reported by its name. */
async function resolvePlace(
  name: 'from' | 'to',
  place: RulePlace,
  rest: Omit<CopyOptions, 'from' | 'to'>,
): Promise<ResolvedOptions | Problem[]> {
  if (isSource(place)) {
    return [
      { code: 'OPTION_INVALID', at: name, message: `must be an object with the pool: ${name}: { pool }.` },
    ];
  }
  const { pool, schema, table }: Partial<RulePlace> = place ?? {};
  const own = { ...(schema === undefined ? {} : { schema }), ...(table === undefined ? {} : { table }) };
  const unknown = findUnknown(name, place);
  try {
    const options = await resolveOptions(pool, { ...rest, ...own, policy: null, seeders: [] });
    return unknown.length > 0 ? unknown : options;
  } catch (error) {
    if (!(error instanceof InvalidOptionsError)) throw error;
    const isOfPlace = ({ at }: Problem) => PLACE.some((part) => at.startsWith(part));
    const problems = error.problems.map((problem) =>
      isOfPlace(problem) ? { ...problem, at: `${name}.${problem.at}` } : problem,
    );
    return [...unknown, ...problems];
  }
}

const PLACE = ['pool', 'schema', 'table'];

function findUnknown(name: 'from' | 'to', place: unknown): Problem[] {
  const keys = typeof place === 'object' && place !== null ? Object.keys(place) : [];
  return keys
    .filter((key) => !PLACE.includes(key))
    .map((key) => ({
      code: 'OPTION_UNKNOWN',
      at: `${name}.${key}`,
      message: `there is no such option. Known are ${PLACE.join(', ')}.`,
    }));
}

/** The table to copy from, and its rules. */
interface OldRules {
  readonly table: RuleTable;
  readonly identity: string;
  readonly rules: readonly StoredRule[];
}

/** Reads the old table by another pool than the one of the new table. Its connection does not wait for the copy. */
function readElsewhere(pool: PoolLike, source: ResolvedOptions): Promise<OldRules> {
  return inspectDatabase(pool, source, 'the reading of rules', ({ trx, options: { ruleTable }, isMissing }) =>
    readOld(trx, ruleTable, isMissing),
  );
}

async function readOld(trx: AnyTransaction, table: RuleTable, isMissing: boolean): Promise<OldRules> {
  if (isMissing) {
    const message = `There is no rule table to copy from: ${table.sql} does not exist. Name the one that the application reads: from: { pool, table }.`;
    throw new DatabaseError('TABLE_MISSING', message);
  }
  return {
    table,
    identity: await identifyTable(trx, table.sql),
    rules: await readLivePolicy(trx, table, WHOLE),
  };
}

/** @param given the old rules; null if they are in the same database as the new table */
async function copyOnce(
  session: Session,
  given: OldRules | null,
  source: ResolvedOptions,
  options: ResolvedOptions,
): Promise<CopyReport> {
  try {
    session.enter('the copying of rules');
    return await inWriteTransaction(createKysely(session, options), async (trx) =>
      copyInto(session, trx, given ?? (await readHere(trx, source)), options),
    );
  } catch (error) {
    throw findConflict(error, session) ?? (await explainFailure(error, options, session));
  }
}

async function readHere(trx: AnyTransaction, source: ResolvedOptions): Promise<OldRules> {
  const { table, isMissing } = await findRuleTable(asClient(trx), source.schema, source.table);
  if (!isMissing) await requireAllRows(trx, [table.sql]);
  return readOld(trx, table, isMissing);
}

async function copyInto(
  session: Session,
  trx: AnyTransaction,
  old: OldRules,
  options: ResolvedOptions,
): Promise<CopyReport> {
  const { schema } = await resolveSchemas(trx, options);
  await makeSchema(trx, schema);
  await setSearchPath(trx, schema);
  await session.within(withGrace(options.lockTimeoutMs), () => acquireBootstrapLock(trx, schema));
  const table = await findOrMake(trx, schema, options);
  if ((await identifyTable(trx, table.sql)) === old.identity) {
    const message = `is the same table as the one to copy from, ${table.sql}. Name another one: to: { pool, table }.`;
    throw new InvalidOptionsError([{ code: 'OPTION_INVALID', at: 'to.table', message }]);
  }
  await requireAllRows(trx, [table.sql]);
  refuseUnfit(table, old.table, old.rules);
  const distinct = withoutRepetitions(old.rules);
  const { inserted } = await seedRules(asClient(trx), table, distinct);
  const live = await readLivePolicy(trx, table, WHOLE);
  const verification = await stayAwake(trx, options, () => verifyCopy(options, table, distinct, live));
  return { copied: inserted.length, existing: distinct.length - inserted.length, verification };
}

/** Asks first, so that a role that may not create schemas can copy into an existing one. */
async function makeSchema(trx: AnyTransaction, schema: string): Promise<void> {
  const { rows } = await sql`select from pg_catalog.pg_namespace where nspname = ${schema}`.execute(trx);
  if (rows.length === 0) await sql`create schema if not exists ${sql.id(schema)}`.execute(trx);
}

async function findOrMake(trx: AnyTransaction, schema: string, options: ResolvedOptions): Promise<RuleTable> {
  const found = await findRuleTable(asClient(trx), schema, options.table);
  if (!found.isMissing) return found.table;
  for (const { up } of Object.values(found.table.migrations)) await up(trx as AnyKysely);
  return (await findRuleTable(asClient(trx), schema, options.table)).table;
}

/** How many rules a message names; all of them are in `ids`. */
const SHOWN_RULES = 20;

/** Refuses rules that do not fit the new table, or that its adapters would read differently. */
function refuseUnfit(table: RuleTable, old: RuleTable, rules: readonly StoredRule[]): void {
  const placed = rules.map((rule) => ({ ...rule, at: String(rule.id) }));
  const faults = table.findUnfit(placed).map(({ at, message }) => ({ at, message }));
  for (const rule of placed) {
    const reading = readAsStockAdapter(rule, (one) => table.stockLines(one));
    if (reading.kind === 'same') continue;
    const message = `"${formatRule(rule)}" would be read otherwise by the adapters on ${table.sql}, or not at all. Change its values: no commas, quotes, line breaks, unmatched brackets, empty values, or blanks at their ends`;
    faults.push({ at: rule.at, message });
  }
  if (faults.length === 0) return;
  const ids = [...new Set(faults.map(({ at }) => at))];
  const idOf = new Map(placed.map(({ at, id }) => [at, id]));
  const list = faults.slice(0, SHOWN_RULES).map(({ at, message }) => `  id ${at}: ${message}`);
  const more = faults.length > list.length ? [`  … and ${faults.length - list.length} more`] : [];
  throw new StoredRuleError(
    [
      `Not all rules of ${old.sql} can be kept in ${table.sql}, and nothing was copied.`,
      ...list,
      ...more,
    ].join('\n'),
    ids.flatMap((at) => idOf.get(at) ?? []),
  );
}

/** Decides every request that follows from the old rules on the new table. */
async function verifyCopy(
  { model, configureEnforcer }: ResolvedOptions,
  ruleTable: RuleTable,
  rules: readonly Rule[],
  live: readonly StoredRule[],
): Promise<VerificationReport> {
  const defined = new RuleSet(rules);
  const promises = await collectPromises(model, defined, {}, { configureEnforcer });
  const findHolders = holdersAmong(model, live);
  const verification = await verifyPolicy({
    ...{ model, configureEnforcer, defined, live, ruleTable, findHolders },
    ...promises,
    ...{ scope: 'whole', strict: true, reach: () => reachableScope(model, rules, promises.valuesAt) },
  });
  if (verification.ok) return verification;
  const { renderFailures } = await import('./render/findings.ts');
  throw new VerificationError(
    `The rules in ${ruleTable.sql} do not decide as those that were copied, so nothing was kept.\n\n${renderFailures(verification)}`,
    verification,
  );
}
