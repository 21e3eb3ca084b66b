import { sql } from 'kysely';
import { hasTable } from '../database/catalog.ts';
import { AdvisoryLockNotGranted, findAdvisoryLockHolders, findTableLockHolders } from '../database/lock.ts';
import { describeHolders } from '../database/refused-work.ts';
import type { Session } from '../database/session.ts';
import { errorCode, SQLSTATE } from '../database/sqlstates.ts';
import type { BootstrapErrorCode } from '../error-codes.ts';
import { type BootstrapError, DatabaseError, LockTimeoutError, SeederError } from '../errors.ts';
import { listPending } from '../migrator/migrate.ts';
import { type Migrations, PACKAGE_LIST } from '../migrator/migration.ts';
import type { ResolvedOptions } from '../options/resolved-options.ts';
import type { RunnableSeeder } from '../seeding/seeder.ts';
import { explainDeferrable } from '../tables/refusals.ts';
import { reasonOf } from '../text.ts';
import { explainPermission, involvedTables, locate } from './explain-permission.ts';
import { describeFailure, type Failure, inquire } from './explain-step.ts';

/** Faults with a code of PostgreSQL and a known remedy; null for others. */
export async function explainSqlstate(
  failure: Failure,
  options: ResolvedOptions,
  session: Session | null,
): Promise<BootstrapError | null> {
  const { step, cause } = failure;
  const table = options.ruleTable.sql;
  const refuse = (code: BootstrapErrorCode, remedy: string) =>
    new DatabaseError(code, `${describeFailure(failure)}. Nothing was changed. ${remedy}`, { cause });
  // Only the migration knows what its own SQL refers to.
  const inMigration = step?.kind === 'migration';
  const seeder = step?.kind === 'seeder' ? options.seeders.find(({ name }) => name === step.name) : undefined;
  switch (errorCode(cause)) {
    case SQLSTATE.LOCK_NOT_AVAILABLE:
      return explainLockTimeout(failure, options, session);
    case SQLSTATE.READ_ONLY_SQL_TRANSACTION:
    case SQLSTATE.FEATURE_NOT_SUPPORTED:
      return explainReadOnly(failure, session);
    case SQLSTATE.INSUFFICIENT_PRIVILEGE:
      return explainPermission(failure, options, session);
    case SQLSTATE.QUERY_CANCELED:
      return refuse(
        'STATEMENT_TIMEOUT',
        'Run it again; if the statement needs longer, raise statementTimeoutMs, or the statement_timeout of the role.',
      );
    case SQLSTATE.INVALID_SCHEMA_NAME:
    case SQLSTATE.UNDEFINED_TABLE:
      if (inMigration) return null;
      return refuse('TABLE_MISSING', await remedyForTable(failure, options, seeder, session));
    case SQLSTATE.UNDEFINED_COLUMN:
      return inMigration ? null : refuse('COLUMN_MISSING', 'Add it by a migration, or correct its name.');
    case SQLSTATE.INVALID_COLUMN_REFERENCE:
      if (inMigration) return null;
      return refuse(
        'UNIQUE_CONSTRAINT_MISSING',
        seeder?.isPolicy
          ? `Table ${table} must be unique on (ptype, rule): alter table ${table} drop constraint if exists casbin_uniq_rule, add unique (ptype, rule);`
          : 'The key identifies a row, so the table needs a unique constraint on exactly these columns.',
      );
    case SQLSTATE.OBJECT_NOT_IN_PREREQUISITE_STATE: {
      const remedy = seeder?.isPolicy ? explainDeferrable(table, cause) : null;
      return remedy === null ? null : refuse('UNIQUE_CONSTRAINT_MISSING', remedy);
    }
    case SQLSTATE.PROGRAM_LIMIT_EXCEEDED:
      if (!inMigration || !Object.hasOwn(options.ruleTable.migrations, step.name ?? '')) return null;
      return refuse(
        'RULE_TOO_LONG',
        `A stored rule is too long for the indexes of ${table}, which take about 2.7 kB. Find it and shorten its values: select id, ptype, rule from ${table} order by length(rule::text) desc limit 1;`,
      );
    default:
      return null;
  }
}

/** What to do about a table that is missing, by what should have made it. */
async function remedyForTable(
  { step }: Failure,
  options: ResolvedOptions,
  seeder: RunnableSeeder | undefined,
  session: Session | null,
): Promise<string> {
  const { packageMigrations } = options;
  if (packageMigrations === null) {
    return 'With migrations: false, another tool must create all tables first. Run that tool, or leave the option out.';
  }
  if (step === null) return 'Run bootstrapDatabase() first, or name the schema that holds the tables.';
  if (seeder?.migrations !== undefined) {
    if (await isOfThisRun(seeder, seeder.migrations, options, session)) {
      return 'The migrations of this run did not create it, or removed or renamed it. Correct them.';
    }
    const list = Object.keys(seeder.migrations)
      .map((name) => `'${name.replaceAll("'", "''")}'`)
      .join(', ');
    return `The migration that creates it was applied, so the table was removed or renamed later. Restore it, or let the migration run again: delete from ${PACKAGE_LIST.tableName} where name in (${list});`;
  }
  return 'Add a migration that creates it to the seeder or to the migrations option, or correct its name.';
}

/**
 * Whether the migrations of this attempt are why a seeder's table is missing: now that they are rolled back, it is
 * there again, or all that should create it are pending again.
 */
function isOfThisRun(
  { isPolicy, table }: RunnableSeeder,
  migrations: Migrations,
  options: ResolvedOptions,
  session: Session | null,
): Promise<boolean> {
  return inquire(session, false, async (db) => {
    const { schema, ruleTable } = await locate(db, options);
    if (schema === undefined) return false;
    const name = isPolicy ? ruleTable.name : table;
    if (name !== undefined && (await hasTable(db, schema, name))) return true;
    const plan = { ...options, schema, packageMigrations: migrations, applicationMigrations: null };
    const pending = await listPending(db, { ...plan, applicationSchema: schema });
    return pending.length === Object.keys(migrations).length;
  });
}

/** A lock that was not granted in time, and who holds it. */
async function explainLockTimeout(
  { step, cause }: Failure,
  options: ResolvedOptions,
  session: Session | null,
): Promise<LockTimeoutError> {
  const { lockTimeoutMs } = options;
  const advisory = cause instanceof AdvisoryLockNotGranted;
  const holders = await inquire(session, [], async (db) => {
    const located = await locate(db, options);
    return advisory
      ? findAdvisoryLockHolders(db, located.schema)
      : findTableLockHolders(db, located.schema, involvedTables(located));
  });
  const lock = advisory ? `The lock of ${cause.owner}` : 'A lock on a table or a row';
  const waiting = step?.name ? ` for ${step.kind} "${step.name}"` : '';
  const message = `${lock} was not granted${waiting} within ${lockTimeoutMs} ms. Nothing was changed. ${describeHolders(holders)}. Wait for it and run again, raise lockTimeoutMs, or end the session that holds it with pg_terminate_backend.`;
  return new LockTimeoutError(message, holders, { cause });
}

/**
 * A transaction that may not write: on a standby the write transaction can't even begin, which PostgreSQL calls a
 * feature that it does not support. Null when that code means something else.
 */
async function explainReadOnly(
  { step, cause }: Failure,
  session: Session | null,
): Promise<BootstrapError | null> {
  const standby = await inquire(session, false, async (db) => {
    const { rows } = await sql<{ standby: boolean }>`select pg_is_in_recovery() as standby`.execute(db);
    return rows[0]?.standby === true;
  });
  if (!standby && step?.kind === 'seeder') return wroteWhileLooking(step.name ?? '', cause);
  if (!standby && errorCode(cause) === SQLSTATE.FEATURE_NOT_SUPPORTED) return null;
  const server = standby ? 'this server is a standby, which only reads' : 'the server only reads';
  return new DatabaseError(
    'READ_ONLY_DATABASE',
    `Changes are needed, but ${server}: ${reasonOf(cause)}. Nothing was changed. Run the bootstrap on the primary once; then it works here too.`,
    { cause },
  );
}

/** The write transaction is opened to write, so a read-only transaction belongs to the look. */
function wroteWhileLooking(seeder: string, cause: unknown): BootstrapError | null {
  if (errorCode(cause) !== SQLSTATE.READ_ONLY_SQL_TRANSACTION) return null;
  const message = `Seeder "${seeder}" failed: its isSeeded must only read, but it wrote (${reasonOf(cause)}). Nothing was changed. Write in seed.`;
  return new SeederError(seeder, message, { cause });
}
