import { sql } from 'kysely';
import { RECORDED_RULES, VERSIONS } from '../../migrations/0004_ownership.ts';
import { hasTable, readHomeSchema } from '../database/catalog.ts';
import { asClient } from '../database/own-queries.ts';
import {
  bypass,
  findPrivilegeRemedies,
  isRowSecurityViolation,
  type Needs,
  NO_NEEDS,
} from '../database/privileges.ts';
import type { Session } from '../database/session.ts';
import { type AnyKysely, inReadOnlyTransaction } from '../database/transaction.ts';
import { PermissionError } from '../errors.ts';
import { PACKAGE_LIST } from '../migrator/migration.ts';
import { type ResolvedOptions, withRuleTable } from '../options/resolved-options.ts';
import { findRuleTable } from '../tables/find-rule-table.ts';
import { describeFailure, type Failure, inquire } from './explain-step.ts';

/** A missing privilege, with the statements that give it. */
export async function explainPermission(
  failure: Failure,
  options: ResolvedOptions,
  session: Session | null,
): Promise<PermissionError> {
  if (isRowSecurityViolation(failure.cause)) return explainRowSecurity(failure, session);
  const remedies = await inquire(session, [], async (db) =>
    findPrivilegeRemedies(db, await needsOf(db, failure, await locate(db, options))),
  );
  const list = remedies.map((remedy) => `\n  ${remedy}`).join('');
  const remedy =
    list === ''
      ? 'Grant what is missing to the role, or run it as the owner.'
      : `These statements grant it; an administrator can run them:${list}`;
  const message = `A privilege is missing: ${describeFailure(failure)}. Nothing was changed. ${remedy}`;
  return new PermissionError(message, remedies, { cause: failure.cause });
}

/** A grant would not help: the role may write to the table, but not this row. */
async function explainRowSecurity(failure: Failure, session: Session | null): Promise<PermissionError> {
  const remedies = await inquire(session, [], async (db) => {
    const { rows } = await sql<{ role: string }>`select quote_ident(current_user) as role`.execute(db);
    return rows.map(({ role }) => bypass(role));
  });
  const list = remedies.map((remedy) => `, or let an administrator run:\n  ${remedy}`).join('');
  const message = `Row-level security refused a row: ${describeFailure(failure)}. Nothing was changed. Add a policy that lets the role write this, run it as the owner of the table${list === '' ? '.' : list}`;
  return new PermissionError(message, remedies, { cause: failure.cause });
}

/** What the role of a connection lacks to bootstrap it, as statements that an administrator may run. */
export async function findMissingPrivileges(db: AnyKysely, options: ResolvedOptions): Promise<string[]> {
  return findPrivilegeRemedies(db, await needsOf(db, { step: null, cause: null }, options));
}

/** Least privilege: a role that only seeds need not alter or create anything. */
async function needsOf(db: AnyKysely, { step, work }: Failure, options: ResolvedOptions): Promise<Needs> {
  const { packageMigrations, ruleTable } = options;
  const schema = await readHomeSchema(db, options.schema, [ruleTable.name]);
  if (work === 'inspection') return needsToRead(options, schema, []);
  if (work === 'status') return needsToRead(options, schema, recordTables(options));
  const firstRun = packageMigrations !== null && !(await hasTable(db, schema, PACKAGE_LIST.tableName));
  const create = firstRun || step?.kind === 'migration';
  const recorded = migrationTables(options);
  const seeded = seededTables(options);
  return {
    ...NO_NEEDS,
    schema,
    create,
    select: create ? recorded : recordTables(options),
    insert: create ? [...seeded, ...recorded] : seeded,
    change: options.ownership === null ? [] : [ruleTable.name, VERSIONS, RECORDED_RULES],
    lock: ruleTable.isUnique ? [] : [ruleTable.name],
    own: alteredTables(options, (name) => firstRun || name === step?.name),
  };
}

/** How long to wait: finding the rule table may read rows, and another session may have locked the table. */
const LOCATE_MS = 1_000;

/**
 * The options for the rule table that is there, and its schema: a failure may come before either is known.
 *
 * @param db not a transaction
 */
export async function locate(db: AnyKysely, options: ResolvedOptions): Promise<ResolvedOptions> {
  const { schema, table: choice, engine, ruleTable } = options;
  const found = await inReadOnlyTransaction(db, async (trx) => {
    await sql`set local lock_timeout = ${sql.lit(LOCATE_MS)}`.execute(trx);
    return findRuleTable(asClient(trx), schema, choice, engine);
  }).catch(() => null);
  if (found === null || found.isMissing)
    return { ...options, schema: await readHomeSchema(db, schema, [ruleTable.name]) };
  return { ...withRuleTable(options, found.table), schema: schema ?? found.table.schema };
}

function needsToRead(
  { ruleTable, ownership }: ResolvedOptions,
  schema: Needs['schema'],
  others: readonly string[],
): Needs {
  const ofVersions = ownership === null ? [] : [VERSIONS, RECORDED_RULES];
  return { ...NO_NEEDS, schema, select: [ruleTable.name, ...others, ...ofVersions] };
}

/** The tables that those migrations make, or complete if they are there already. */
function alteredTables({ seeders }: ResolvedOptions, isPending: (migration: string) => boolean): string[] {
  return seeders
    .filter(({ migrations }) => Object.keys(migrations ?? {}).some(isPending))
    .flatMap(({ table }) => table ?? []);
}

/** The tables that a bootstrap reads and writes, as far as it knows them; a seeder's may be qualified. */
export function involvedTables(options: ResolvedOptions): string[] {
  return [...seededTables(options), ...migrationTables(options)];
}

/** The tables that seeders fill. */
function seededTables({ seeders }: ResolvedOptions): string[] {
  return [...new Set(seeders.flatMap(({ table }) => table ?? []))];
}

/** The tables that a bootstrap reads to find out which migrations are applied. */
function recordTables(options: ResolvedOptions): string[] {
  const { packageMigrations, applicationMigrations, applicationList } = options;
  return [
    ...(packageMigrations === null ? [] : [PACKAGE_LIST.tableName]),
    ...(applicationMigrations === null ? [] : [applicationList.tableName]),
  ];
}

/** All tables in which migrations are recorded, also the stock adapter's: our migration writes to it. */
function migrationTables(options: ResolvedOptions): string[] {
  const { packageMigrations, applicationMigrations, applicationList } = options;
  return [
    ...recordTables(options),
    ...(packageMigrations === null ? [] : [PACKAGE_LIST.lockTableName, 'casbin_migrations']),
    ...(applicationMigrations === null ? [] : [applicationList.lockTableName]),
  ];
}
