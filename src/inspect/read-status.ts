import { sql } from 'kysely';
import { refuseForeignRules } from '../bootstrap/policy-missing.ts';
import { readPolicy } from '../bootstrap/read-policy.ts';
import { resolveSchemas } from '../bootstrap/schemas.ts';
import { findNewestVersion, isSettled, withOwnership } from '../bootstrap/settle-ownership.ts';
import { verifyLive } from '../bootstrap/verify-live.ts';
import { hasTable } from '../database/catalog.ts';
import type { PoolLike } from '../database/client.ts';
import { asClient } from '../database/own-queries.ts';
import { type AnyTransaction, stayAwake } from '../database/transaction.ts';
import { type Migrations, PACKAGE_LIST } from '../migrator/migration.ts';
import { resolveVerifyOptions } from '../options/resolve.ts';
import type { BootstrapOptions } from '../options.ts';
import { isRecorded, journalMigrationOf } from '../tables/recording.ts';
import type { VerificationReport } from '../verification-report.ts';
import { type Inspected, inspectDatabase } from './inspect-database.ts';

/** What is installed in a database, and its comparison with the definition. */
export interface DatabaseStatus {
  /** Where the rules are. */
  readonly table: TableStatus;
  /** The migrations of this package and of seeders; null if another tool runs all migrations. */
  readonly packageMigrations: MigrationStatus | null;
  /** The application's own migrations; null if the options have none. */
  readonly applicationMigrations: MigrationStatus | null;
  /** The versions of the definition; null without a version. */
  readonly version: VersionStatus | null;
  /** How many rules are defined and stored. */
  readonly rules: RuleCounts;
  /** The verification; null if there is no rule table. */
  readonly verification: VerificationReport | null;
  /** Whether a bootstrap would change nothing about migrations and rules. Rows of seeders are not checked. */
  readonly isComplete: boolean;
}

/** The rule table. */
export interface TableStatus {
  /** Its name as SQL. */
  readonly name: string;
  /** `document`: `ptype, rule jsonb`; `columns`: `ptype, v0 … vN`. */
  readonly layout: 'document' | 'columns';
  /** Whether it is missing, so that a bootstrap would make it. */
  readonly isMissing: boolean;
}

/** Migrations by name, each list in order. */
export interface MigrationStatus {
  /** The recorded migrations, also those of another release. */
  readonly applied: readonly string[];
  /** The migrations that a bootstrap would run. */
  readonly pending: readonly string[];
}

/** Versions of the definition. */
export interface VersionStatus {
  /** The version of the given definition. */
  readonly defined: number;
  /** The newest version with which the database was bootstrapped; null for none. */
  readonly newest: number | null;
}

/** How many rules there are. */
export interface RuleCounts {
  /** Rules of the definition. */
  readonly defined: number;
  /** Rows of the table. */
  readonly stored: number;
  /** Defined rules that are not stored and that a bootstrap would insert. */
  readonly missing: number;
  /** Stored rules that are not defined, including links of users to roles. */
  readonly extra: number;
  /** Defined rules that are not stored on purpose; the verification lists them. */
  readonly keptAway: number;
}

/**
 * Reads what is installed in a database: table, migrations, rules, and how the policy decides. It changes nothing.
 *
 * @throws as verifyDatabase, but not for a rule table that is missing
 */
export async function readStatus(pool: PoolLike, options: BootstrapOptions = {}): Promise<DatabaseStatus> {
  const resolved = await resolveVerifyOptions(pool, options);
  const inspect = async (inspected: Inspected): Promise<DatabaseStatus> => {
    const migrations = await readMigrationStatus(inspected);
    const { rules, verification, newestVersion, isToMove } = await readRules(inspected);
    const { ruleTable, ownership } = inspected.options;
    const pending = Object.values(migrations).flatMap((status) => status?.pending ?? []);
    return {
      table: { name: ruleTable.sql, layout: ruleTable.layout, isMissing: inspected.isMissing },
      ...migrations,
      version: ownership && { defined: ownership.version, newest: newestVersion?.version ?? null },
      rules,
      verification,
      isComplete:
        !inspected.isMissing &&
        pending.length === 0 &&
        rules.missing === 0 &&
        !isToMove &&
        (ownership === null || isSettled(ownership, newestVersion)),
    };
  };
  return inspectDatabase(pool, resolved, 'the look at the status', inspect, 'status');
}

/** Which migrations of this package and of the application are applied. */
export async function readMigrationStatus(inspected: Inspected) {
  const { trx, options } = inspected;
  const { schema, applicationSchema } = await resolveSchemas(trx, options);
  const { packageMigrations, applicationMigrations, applicationList } = options;
  const outdated = await findOutdated(inspected);
  return {
    packageMigrations: await compareMigrations(
      trx,
      schema,
      PACKAGE_LIST.tableName,
      packageMigrations,
      outdated,
    ),
    applicationMigrations: await compareMigrations(
      trx,
      applicationSchema,
      applicationList.tableName,
      applicationMigrations,
    ),
  };
}

/** The migrations that a bootstrap runs again, although they are recorded. */
async function findOutdated({
  trx,
  options: { journal, ruleTable, engine },
  isMissing,
}: Inspected): Promise<string[]> {
  if (!journal || isMissing || engine.commitsDdl || (await isRecorded(asClient(trx), ruleTable))) return [];
  return [journalMigrationOf(ruleTable)];
}

async function compareMigrations(
  trx: AnyTransaction,
  schema: string,
  table: string,
  migrations: Migrations | null,
  outdated: readonly string[] = [],
): Promise<MigrationStatus | null> {
  if (migrations === null) return null;
  const { rows } = (await hasTable(trx, schema, table))
    ? await sql<{ name: string }>`select name from ${sql.id(schema, table)} order by name`.execute(trx)
    : { rows: [] };
  const applied = rows.map(({ name }) => name).filter((name) => !outdated.includes(name));
  const pending = Object.keys(migrations).filter((name) => !applied.includes(name));
  return { applied, pending: pending.sort() };
}

async function readRules({ trx, options, isMissing }: Inspected) {
  const { defined, ruleTable } = options;
  const total = defined.rules.length;
  if (isMissing) {
    const rules = { defined: total, stored: 0, missing: total, extra: 0, keptAway: 0 };
    return { rules, verification: null, newestVersion: null, isToMove: false };
  }
  const { rows } = await sql<{ stored: number }>`
    select count(*)::int as stored from ${sql.raw(ruleTable.sql)}
  `.execute(trx);
  const stored = rows[0]?.stored ?? 0;
  const live = await readPolicy(trx, options);
  refuseForeignRules(options, live);
  const missing = defined.without(live.rules).length;
  const newestVersion = await findNewestVersion(trx, options);
  const kept = await withOwnership((ask) => ask(trx), options, live, newestVersion);
  const keptAway = kept.keptAway.length;
  // A table without a unique constraint may have a defined rule in several rows.
  const extra = stored - live.rules.filter((rule) => defined.has(rule)).length;
  const rules = { defined: total, stored, missing: missing - keptAway, extra, keptAway };
  const verification = await stayAwake(trx, kept, () => verifyLive((ask) => ask(trx), kept, live));
  return { rules, verification, newestVersion, isToMove: kept.left.isToMove };
}
