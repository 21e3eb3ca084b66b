import { type RawBuilder, sql } from 'kysely';
import { isRecording, recordingExpression } from '../../migrations/0003_journal.ts';
import { quoteTable, quoteText } from '../database/catalog.ts';
import { ENGINE_EXPRESSION } from '../database/engine.ts';
import { toLiteral } from '../database/message.ts';
import {
  type HiddenRows,
  hiddenRowsColumns,
  NOTHING_HIDDEN,
  refuseHiddenRows,
} from '../database/privileges.ts';
import { type AnyTransaction, searchPathExpression } from '../database/transaction.ts';
import { type Migrations, PACKAGE_LIST } from '../migrator/migration.ts';
import type { ResolvedOptions } from '../options/resolved-options.ts';
import { recordedOf } from '../tables/recording.ts';
import { newestVersionExpression, type RecordedVersion } from '../tables/rule-record.ts';
import { FOUND_TABLE } from './look-block.ts';
import { keepRuleCount } from './read-policy.ts';

/** What a look reads from a database, without the rules. */
export interface State extends HiddenRows {
  readonly packageNames: readonly string[];
  readonly applicationNames: readonly string[];
  readonly rules: number;
  /** The engine that the server reports. */
  readonly engine: string;
  /** The recorded version of the definition; null if there is none. */
  readonly newestVersion: RecordedVersion | null;
  /** What records the rule table, as {@link recordingExpression} reads it; null without a journal. */
  readonly recording: Readonly<Record<string, string>> | null;
}

/** Sets the search_path, and reads which migrations are applied; tables are qualified, as the path is not set yet. */
export function stateQuery(options: ResolvedOptions): RawBuilder<State> {
  const { packageNames, applicationNames } = listsOf(options);
  const namesIn = (list: string | null) =>
    list === null ? sql`'[]'::json` : sql`(select coalesce(json_agg(name), '[]') from ${sql.raw(list)})`;
  const { ruleTable } = options;
  return sql<State>`
    select
      ${namesIn(packageNames)} as "packageNames",
      ${namesIn(applicationNames)} as "applicationNames",
      ${keepRuleCount(options)} as rules,
      ${sql.raw(engineExpression(options))} as engine,
      ${options.ownership === null ? sql`null` : sql.raw(newestVersionExpression(quoteText(ruleTable.name), ruleTable.schema))} as "newestVersion",
      ${options.journal && !options.engine.commitsDdl ? sql.raw(recordingExpression(`to_regclass(${quoteText(ruleTable.sql)})`)) : sql`null`} as recording,
      ${options.engine.commitsDdl ? NOTHING_HIDDEN : hiddenRowsColumns([ruleTable.sql, quoteTable(PACKAGE_LIST.tableName, options.schema)])},
      ${searchPathExpression(options.schema ?? ruleTable.schema)}
  `;
}

/** The tables that record applied migrations. Without migrations, such a table may be missing. */
export function listsOf(options: ResolvedOptions) {
  const { schema, packageMigrations, applicationMigrations, applicationList } = options;
  const listOf = (migrations: Migrations | null, table: string) =>
    Object.keys(migrations ?? {}).length === 0 ? null : quoteTable(table, schema);
  return {
    packageNames: listOf(packageMigrations, PACKAGE_LIST.tableName),
    applicationNames: listOf(applicationMigrations, applicationList.tableName),
  };
}

/** The rest of the state, for the rule table that a block has found. */
export function stateInBlock(options: ResolvedOptions): Readonly<Record<string, string>> {
  const { schema, ruleTable, ownership, journal } = options;
  const record = toLiteral(quoteTable(PACKAGE_LIST.tableName, schema));
  const source = `(select relname from pg_catalog.pg_class where oid = ${FOUND_TABLE})`;
  return {
    engine: engineExpression(options),
    newestVersion: ownership === null ? 'null' : newestVersionExpression(source, schema),
    recording: journal ? recordingExpression(FOUND_TABLE) : 'null',
    role: 'quote_ident(current_user)',
    hidden: `nullif(concat_ws(' and ',
      case when row_security_active(${FOUND_TABLE}) then coalesce(identity, ${toLiteral(ruleTable.sql)}) end,
      case when row_security_active(to_regclass(${record})) then ${record} end
    ), '')`,
  };
}

/**
 * Asks also if the option is `citus`: a look at Citus uses nothing that PostgreSQL does not have, so nothing else would
 * show that the option is wrong.
 */
function engineExpression({ isEngineKnown, engine }: ResolvedOptions): string {
  return isEngineKnown && engine.name !== 'citus' ? "''" : ENGINE_EXPRESSION;
}

/** The state alone, in a transaction. */
export async function readState(trx: AnyTransaction, options: ResolvedOptions): Promise<State> {
  const { rows } = await stateQuery(options).execute(trx);
  return requireState(rows[0]);
}

/** Checks a state that was read: the role must see all rows. */
export function requireState(state: State | undefined): State {
  if (state === undefined) throw new Error('the database gave no answer');
  refuseHiddenRows(state);
  return state;
}

/** Whether no migration is pending, and none has to run again. */
export function isMigrated(
  options: ResolvedOptions,
  { packageNames, applicationNames, recording }: State,
): boolean {
  const lists = [
    [options.packageMigrations, packageNames],
    [options.applicationMigrations, applicationNames],
  ] as const;
  const isOutdated =
    options.packageMigrations !== null &&
    recording !== null &&
    !isRecording(recordedOf(options.ruleTable), recording);
  return (
    !isOutdated &&
    lists.every(([migrations, applied]) =>
      Object.keys(migrations ?? {}).every((name) => applied.includes(name)),
    )
  );
}

/** Logs applied migrations of a newer release or of other options. They do not matter, as no known one is pending. */
export function logUnknown(options: ResolvedOptions, { packageNames, applicationNames }: State): void {
  const { packageMigrations, applicationMigrations, logger, ruleTable } = options;
  const unknown = [
    ...packageNames.filter(
      (name) => !Object.hasOwn(packageMigrations ?? {}, name) && name !== ruleTable.migrationName,
    ),
    ...applicationNames.filter((name) => !Object.hasOwn(applicationMigrations ?? {}, name)),
  ];
  if (unknown.length === 0) return;
  logger.info(
    { event: 'unknown_migrations', names: unknown },
    'The database has applied migrations that this release, or these options, do not have',
  );
}
