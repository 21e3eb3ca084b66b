import { sql } from 'kysely';
import { VERSIONS } from '../../migrations/0004_ownership.ts';
import type { OwnershipReport } from '../bootstrap-report.ts';
import { hasTable, tableIn } from '../database/catalog.ts';
import type { ClientLike } from '../database/client.ts';
import { asClient } from '../database/own-queries.ts';
import type { AnyTransaction, AskFurther } from '../database/transaction.ts';
import type { Migrated } from '../migrator/migrate.ts';
import { PACKAGE_LIST } from '../migrator/migration.ts';
import {
  type LeftRules,
  NOTHING_LEFT,
  type ResolvedOptions,
  withKeptAway,
} from '../options/resolved-options.ts';
import type { Ownership } from '../policy/ownership.ts';
import { formatRule, type Rule, ruleKey, toLine } from '../policy/rule.ts';
import { RuleSet } from '../policy/rule-set.ts';
import { findMissing } from '../tables/insert.ts';
import { lockTable } from '../tables/locks.ts';
import {
  followRename,
  type RecordedRule,
  type RecordedVersion,
  readNewestVersion,
  readRecordedRules,
  recordRules,
} from '../tables/rule-record.ts';
import type { RuleTable } from '../tables/rule-table.ts';
import type { KeptAwayRule } from '../verification-report.ts';
import type { LivePolicy } from './read-policy.ts';
import {
  type Changes,
  changeOwned,
  changesSome,
  chooseLeft,
  findLeft,
  NO_CHANGES,
  retire,
} from './retire.ts';

/** The options without the rules that stay away, and what was done. */
interface Settled {
  readonly options: ResolvedOptions;
  readonly report: OwnershipReport | null;
  /** Whether anything of the policy or its record was written, apart from the rules that are inserted afterwards. */
  readonly hasChanged: boolean;
}

/**
 * Renames and retires what the definition says, once for each version. Then it finds which defined rules stay away, and
 * records the others, just before the missing ones are inserted. If the database was bootstrapped with a newer version,
 * all missing rules stay away, and nothing is written.
 */
export async function settleOwnership(
  trx: AnyTransaction,
  options: ResolvedOptions,
  migrated: Migrated,
): Promise<Settled> {
  const { ownership, ruleTable } = options;
  if (ownership === null) return { options, report: null, hasChanged: false };
  const client = asClient(trx);
  // Other writers have to wait: what they revoke now would come back, and they change rules before their record.
  await lockTable(client, ruleTable);
  const newest = (await readNewestVersion(client, ruleTable)) ?? (await readOfFormerName(client, ruleTable));
  const settled = isSettled(ownership, newest);
  const revoked = settled ? [] : await findRevoked(client, ruleTable, ownership);
  const changes = settled
    ? await retireLate(client, options, newest)
    : await changeOwned(client, ruleTable, ownership);
  await logStoredAgain(client, options, revoked);
  const missing = await findMissing(client, ruleTable, options.defined.rules);
  const away = await findKeptAway(client, options, newest, missing);
  // From a table that was made just now, no rule has vanished.
  const staying = migrated.isTableNew ? away.filter(({ because }) => because !== 'vanished') : away;
  const kept = await withKeptAway(options, staying);
  const effective = { ...kept, left: { rules: changes.left, omitted: changes.leftOmitted, isToMove: false } };
  if (!isOlder(ownership, newest)) {
    const absent = new RuleSet(missing);
    await recordRules(client, ruleTable, options.defined.rules, {
      version: ownership.version,
      isInserted: (rule) => absent.has(rule) && effective.defined.has(rule),
      areOurs: newest === null && (await wasBootstrapped(trx, options, migrated)),
    });
  }
  const report = { ...reportUnchanged(ownership, newest), ...changes };
  logOwnership(report, options);
  // A version that was not settled is recorded.
  return { options: effective, report, hasChanged: !settled || isMove(report) };
}

/** The revoked rules that are not stored, if roles are renamed: those may bring such a rule along. */
async function findRevoked(
  client: ClientLike,
  table: RuleTable,
  { renamedRoles }: Ownership,
): Promise<RecordedRule[]> {
  if (renamedRoles.size === 0) return [];
  return findMissing(client, table, await readRecordedRules(client, table, 'revoked'));
}

/** How many rules are logged that were revoked and are stored again. */
const LOGGED = 20;

async function logStoredAgain(
  client: ClientLike,
  { ruleTable, logger, dryRun }: ResolvedOptions,
  revoked: readonly RecordedRule[],
): Promise<void> {
  if (revoked.length === 0) return;
  const rules = new RuleSet(revoked).without(await findMissing(client, ruleTable, revoked));
  if (rules.length === 0) return;
  const first = rules.slice(0, LOGGED).map((rule) => ({ rule: formatRule(rule), ...rule.revoked }));
  logger.warn(
    { event: 'revoked_renamed', count: rules.length, rules: first },
    `Rules that were revoked with a reason ${dryRun ? 'would be' : 'are'} stored again, because a renamed role had the same ones`,
  );
}

/** Gives a renamed table its record back, and reads that. Null if there is none. */
async function readOfFormerName(client: ClientLike, ruleTable: RuleTable): Promise<RecordedVersion | null> {
  const { rows } = await client.query(`${followRename(ruleTable)} returning version.source`);
  return rows.length === 0 ? null : readNewestVersion(client, ruleTable);
}

/** If this version was bootstrapped before: moves users who got a retired role since then to the other role. */
async function retireLate(
  client: ClientLike,
  options: ResolvedOptions,
  newest: RecordedVersion | null,
): Promise<Changes> {
  const { ownership, ruleTable } = options;
  if (ownership === null || isOlder(ownership, newest)) return NO_CHANGES;
  const { rules: left, omitted: leftOmitted, isToMove } = await findLeft(client, options);
  if (!isToMove) return { ...NO_CHANGES, left, leftOmitted };
  return { renamed: [], ...(await retire(client, ruleTable, ownership)) };
}

/** Whether an earlier run created or took over the table. Defined rules in it then count as inserted by a bootstrap. */
async function wasBootstrapped(
  trx: AnyTransaction,
  { ruleTable, schema, packageMigrations }: ResolvedOptions,
  { applied }: Migrated,
): Promise<boolean> {
  if (packageMigrations === null || applied.includes(ruleTable.migrationName)) return false;
  const list = tableIn(schema, PACKAGE_LIST.tableName);
  const { rows } = await sql`select from ${list} where name = ${ruleTable.migrationName}`.execute(trx);
  return rows.length > 0;
}

/** Whether the database was bootstrapped with this version or a newer one, so that its changes were made. */
export function isSettled({ version, changes }: Ownership, newest: RecordedVersion | null): boolean {
  if (newest === null || newest.version < version) return false;
  return newest.version > version || newest.changes === changes;
}

/** The report if nothing was renamed or retired. */
export function reportUnchanged(
  ownership: Ownership,
  newest: RecordedVersion | null,
  { rules: left, omitted: leftOmitted }: LeftRules = NOTHING_LEFT,
): OwnershipReport {
  const { version } = ownership;
  const before = newest?.version ?? null;
  return { version, before, isOlder: isOlder(ownership, newest), ...NO_CHANGES, left, leftOmitted };
}

function isOlder({ version }: Ownership, newest: RecordedVersion | null): boolean {
  return newest !== null && newest.version > version;
}

function isMove({ renamed, removed, reassigned }: OwnershipReport): boolean {
  return renamed.length + removed.length + reassigned > 0;
}

/** Logs what was done. */
export function logOwnership(report: OwnershipReport, { logger, dryRun }: ResolvedOptions): void {
  const { version, before, renamed, removed, reassigned, left, leftOmitted } = report;
  if (report.isOlder) {
    logger.warn(
      { event: 'older_version', version, newest: before },
      'The database was bootstrapped with a newer version of the policy, which stays as it is',
    );
  }
  if (isMove(report)) {
    logger.warn(
      { event: 'policy_retired', version, renamed, removed: removed.length, reassigned },
      dryRun ? 'Would rename and retire parts of the policy' : 'Parts of the policy renamed and retired',
    );
  }
  if (left.length > 0) {
    logger.warn(
      { event: 'retired_left', rules: left.length + leftOmitted },
      'Stored rules are retired, or name a retired role, or a renamed one by its former name: they stay',
    );
  }
}

/**
 * Returns the options for a policy that was read: without the defined rules that stay away, and with the rules that are
 * retired and still stored. Without a version, it returns the same options.
 *
 * @param askFurther runs queries on the database; called only if there is something to ask
 */
export async function withOwnership(
  askFurther: AskFurther,
  options: ResolvedOptions,
  live: LivePolicy,
  newest: RecordedVersion | null,
): Promise<ResolvedOptions> {
  const { ownership, defined } = options;
  if (ownership === null) return options;
  const missing = defined.without(live.rules);
  const kept =
    missing.length === 0
      ? options
      : await withKeptAway(
          options,
          await askFurther((trx) => findKeptAway(asClient(trx), options, newest, missing)),
        );
  if (!isSettled(ownership, newest) || isOlder(ownership, newest) || !changesSome(ownership)) return kept;
  const left =
    live.scope === 'whole'
      ? chooseLeft(live.rules, ownership)
      : await askFurther((trx) => findLeft(asClient(trx), options));
  return { ...kept, left };
}

/** The newest version that is recorded; null if there is none. */
export async function findNewestVersion(
  trx: AnyTransaction,
  { ownership, ruleTable }: ResolvedOptions,
): Promise<RecordedVersion | null> {
  if (ownership === null || !(await hasTable(trx, ruleTable.schema, VERSIONS))) return null;
  return readNewestVersion(asClient(trx), ruleTable);
}

/** The missing rules that a bootstrap does not insert again. */
async function findKeptAway(
  client: ClientLike,
  { ownership, ruleTable }: ResolvedOptions,
  newest: RecordedVersion | null,
  missing: readonly Rule[],
): Promise<KeptAwayRule[]> {
  if (ownership === null || newest === null || missing.length === 0) return [];
  const recorded = new Map(
    (await readRecordedRules(client, ruleTable, ownership.keepsSome ? 'all' : 'revoked')).map(
      (one) => [ruleKey(one), one] as const,
    ),
  );
  const unknown = { actor: null, reason: null, at: null };
  return missing.flatMap((rule): KeptAwayRule[] => {
    const known = recorded.get(ruleKey(rule));
    const away = { rule: toLine(rule), ...unknown };
    if (known !== undefined && known.revoked !== null)
      return [{ ...away, because: 'revoked', ...known.revoked }];
    if (newest.version > ownership.version) return [{ ...away, because: 'newer version' }];
    // A rule that the newest recorded version did not define is new; it has not vanished.
    const hasVanished = known !== undefined && known.lastVersion === newest.version;
    return hasVanished && ownership.keeps(rule) ? [{ ...away, because: 'vanished' }] : [];
  });
}
