import { sql } from 'kysely';
import { WHOLE } from '../casbin/scope.ts';
import { quoteTable, quoteText } from '../database/catalog.ts';
import type { PoolLike } from '../database/client.ts';
import {
  adviseUnfilled,
  describeUnfilled,
  findUnfilledColumns,
  numberRows,
} from '../database/unfilled-columns.ts';
import { BootstrapError, InvalidOptionsError, PermissionError } from '../errors.ts';
import { findMissingPrivileges } from '../failure/explain-permission.ts';
import { PACKAGE_LIST } from '../migrator/migration.ts';
import { replaceOptions, resolveOptions } from '../options/resolve.ts';
import type { ResolvedOptions } from '../options/resolved-options.ts';
import type { BootstrapOptions } from '../options.ts';
import { readLivePolicy } from '../tables/live-policy.ts';
import { USUAL_NAMES } from '../tables/rule-table.ts';
import { checkIntegrity } from '../verification/integrity.ts';
import { checkStructure } from '../verification/structure.ts';
import { type DatabaseFinding, type Diagnosis, failure, fine, warning } from './database-finding.ts';
import { examineServer } from './examine-server.ts';
import { type Inspected, inspectDatabase } from './inspect-database.ts';
import { type DatabaseStatus, type MigrationStatus, readMigrationStatus } from './read-status.ts';

/**
 * Examines a database without changing anything: the server, the way to it, privileges, the rule table, every stored
 * rule, pending migrations. Each finding comes with what to do. A policy is not needed; how it decides is for
 * verifyDatabase.
 *
 * @throws InvalidOptionsError for anything wrong with the options
 * @throws ConnectionError where there is no connection to examine
 */
export async function examineDatabase(pool: PoolLike, options: BootstrapOptions = {}): Promise<Diagnosis> {
  const policy = options?.policy === undefined ? { policy: null } : {};
  const resolved = await resolveOptions(pool, replaceOptions(options, { verify: false, ...policy }));
  const ofServer = await examineServer(pool, resolved);
  const isUsable = ofServer.every(({ status }) => status !== 'failure');
  const findings = [...ofServer, ...(isUsable ? await examineContent(pool, resolved) : [])];
  return { ok: findings.every(({ status }) => status !== 'failure'), findings };
}

/** Ends with one failure if the table can't be used or read. */
async function examineContent(pool: PoolLike, resolved: ResolvedOptions): Promise<DatabaseFinding[]> {
  try {
    const examine = async (inspected: Inspected) => {
      const migrationStatus = await readMigrationStatus(inspected);
      const table = await examineTable(inspected, migrationStatus.packageMigrations);
      const others = await findOtherTables(inspected);
      const migrations = examineMigrations(migrationStatus);
      const isPending = migrations.some(({ status }) => status !== 'fine');
      return [
        table,
        ...(inspected.isMissing ? [] : await examineColumns(inspected)),
        ...others,
        ...migrations,
        ...(await examinePrivileges(inspected)),
        ...(await examineSearchPath(inspected)),
        ...(inspected.isMissing ? [] : await examineIndexes(inspected, isPending)),
        ...(inspected.isMissing ? [] : await examineRules(inspected)),
      ];
    };
    return await inspectDatabase(pool, resolved, 'the examination', examine, 'status');
  } catch (error) {
    if (error instanceof InvalidOptionsError) throw error;
    if (error instanceof PermissionError) return [failure('privileges', error.message, error.remedies)];
    if (error instanceof BootstrapError) return [failure('table', error.message)];
    throw error;
  }
}

async function examineTable(
  { trx, options, isMissing }: Inspected,
  packageMigrations: MigrationStatus | null,
): Promise<DatabaseFinding> {
  const { ruleTable } = options;
  if (isMissing) {
    const { rows } = await sql<{ found: boolean }>`
      select to_regclass(${ruleTable.sql}) is not null as found
    `.execute(trx);
    if (rows[0]?.found) {
      const message = `${ruleTable.sql} is there, but not with the columns of a rule table: a bootstrap refuses it. Rename it, or name another table or schema.`;
      return failure('table', message);
    }
    return describeMissingTable(options, packageMigrations);
  }
  return fine('table', `Rules are in ${ruleTable.sql}, layout ${ruleTable.layout}.`);
}

function describeMissingTable(
  { ruleTable, schema }: ResolvedOptions,
  list: MigrationStatus | null,
): DatabaseFinding {
  const fact = `There is no rule table ${ruleTable.sql}.`;
  if (list === null) {
    const remedy =
      'With migrations: false, another tool must create it. Run that tool, or leave the option out.';
    return warning('table', `${fact} ${remedy}`);
  }
  const names = Object.keys(ruleTable.migrations).filter((migration) => list.applied.includes(migration));
  if (names.length === 0) return warning('table', `${fact} Run casbin-bootstrap seed to make it.`);
  const remedy =
    'The migration that creates it was applied, so it was removed, renamed or moved later. Restore it, or run casbin-bootstrap seed after this statement:';
  return failure('table', `${fact} ${remedy}`, [
    `delete from ${quoteTable(PACKAGE_LIST.tableName, schema)} where name in (${names.map(quoteText).join(', ')});`,
  ]);
}

async function examineColumns({ trx, options: { ruleTable } }: Inspected): Promise<DatabaseFinding[]> {
  return (await findUnfilledColumns(trx, ruleTable)).map((column) => {
    const fact = `${describeUnfilled(ruleTable, [column])}.`;
    if (column.name !== 'id') {
      return failure('table', `${fact} ${adviseUnfilled(ruleTable, column.name)}`);
    }
    if (column.isNumber) return failure('table', fact, numberRows(ruleTable));
    return warning('table', `${fact} If the application makes the ids, let it add all rules.`);
  });
}

/** How many other tables are named. */
const NAMED_TABLES = 10;

/**
 * Other tables with the name and the column of a rule table: the application may read one and a writer fill another.
 * Not those of another schema that is bootstrapped by itself, as for another tenant, unless the search_path leads
 * there.
 */
async function findOtherTables({ trx, options }: Inspected): Promise<DatabaseFinding[]> {
  const { rows } = await sql<{ name: string }>`
    select distinct format('%I.%I', n.nspname, c.relname) as name
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attname in ('ptype', 'p_type')
    left join pg_catalog.pg_class list on list.relnamespace = n.oid and list.relname = ${PACKAGE_LIST.tableName}
    where c.relname = any(${[...USUAL_NAMES]}::text[])
    and c.relkind in ('r', 'p')
    and c.oid is distinct from to_regclass(${options.ruleTable.sql})
    and (list.oid is null or n.nspname = any(current_schemas(false)))
    and n.nspname !~ '^pg_'
    order by 1
  `.execute(trx);
  if (rows.length === 0) return [];
  const names = rows.slice(0, NAMED_TABLES).map(({ name }) => name);
  const more = rows.length > NAMED_TABLES ? ` and ${rows.length - NAMED_TABLES} more` : '';
  const message = `There are other tables like a rule table: ${names.join(', ')}${more}. Only one decides: name the one that the application reads by the table and schema options, and drop those that nobody reads.`;
  return [warning('other tables', message)];
}

function examineMigrations(
  status: Pick<DatabaseStatus, 'packageMigrations' | 'applicationMigrations'>,
): DatabaseFinding[] {
  const { packageMigrations, applicationMigrations } = status;
  const pending = [packageMigrations, applicationMigrations].flatMap((status) => status?.pending ?? []);
  if (pending.length === 0) return [fine('migrations', 'No migration is pending.')];
  const message = `Pending: ${pending.join(', ')}. Run casbin-bootstrap seed, or another tool with what casbin-bootstrap plan --sql prints.`;
  return [warning('migrations', message)];
}

async function examinePrivileges({ trx, options }: Inspected): Promise<DatabaseFinding[]> {
  const remedies = await findMissingPrivileges(trx, options);
  if (remedies.length === 0) return [fine('privileges', 'The role may do all that a bootstrap does.')];
  const message =
    'The role lacks privileges for a bootstrap; a start with nothing to do needs to read only. An administrator can run:';
  return [warning('privileges', message, remedies)];
}

/**
 * Finds schemas of the search_path in which everybody may create functions and operators. PostgreSQL prefers one that
 * fits the arguments better than its own, and runs it as the role whose statement it is (CVE-2018-1058).
 */
async function examineSearchPath({ trx }: Inspected): Promise<DatabaseFinding[]> {
  const { rows } = await sql<{ schema: string }>`
    select quote_ident(schema) as schema
    from unnest(current_schemas(false)) as schema
    where has_schema_privilege('public', schema, 'create')
  `.execute(trx);
  if (rows.length === 0) return [];
  const names = rows.map(({ schema }) => schema);
  const message = `Every role may create functions in ${names.join(', ')}, which the search_path leads to: a bootstrap, and every other statement, may call them with the privileges of its own role. Revoke that, and grant it to the role that migrates, if it creates tables there.`;
  const remedies = names.map((name) => `revoke create on schema ${name} from public;`);
  return [warning('privileges', message, remedies)];
}

/** Examines no indexes of a view: they are those of the table behind it. */
async function examineIndexes(inspected: Inspected, isPending: boolean): Promise<DatabaseFinding[]> {
  const { trx, options } = inspected;
  const { sql: name, layout, missingIndex } = options.ruleTable;
  const { rows } = await sql`
    select from pg_catalog.pg_class where oid = to_regclass(${name}) and relkind in ('r', 'p')
  `.execute(trx);
  if (rows.length === 0) return [];
  // A pending migration may create the indexes.
  if (layout === 'document') return isPending ? [] : examineDocumentIndexes(inspected);
  return missingIndex === null ? [] : [warning('index', INDEX_MISSING, [missingIndex])];
}

const INDEX_MISSING =
  'No index on the first values of the rules: where there are many, each start reads the whole table.';

/** Checks the indexes of a table of documents, which somebody may have dropped. */
async function examineDocumentIndexes({
  trx,
  options: { ruleTable },
}: Inspected): Promise<DatabaseFinding[]> {
  const ofRules = sql`
    i.indisunique and i.indnkeyatts = 2
    and array['ptype', 'rule'] = (
      select array_agg(a.attname::text order by a.attname)
      from pg_catalog.pg_attribute a
      where a.attrelid = i.indrelid and a.attnum in (i.indkey[0], i.indkey[1])
    )
  `;
  const { rows } = await sql<{ unique: boolean; deferrable: string | null; first: boolean }>`
    select
      coalesce(bool_or(${ofRules}), false) as "unique",
      string_agg(format('drop constraint %I', x.relname), ', ') filter (where ${ofRules} and not i.indimmediate) as deferrable,
      coalesce(bool_or(pg_get_indexdef(i.indexrelid, 1, false) ~ '"?rule"? ->> 0'), false) as "first"
    from pg_catalog.pg_index i
    join pg_catalog.pg_class x on x.oid = i.indexrelid
    where i.indrelid = to_regclass(${ruleTable.sql}) and i.indisvalid and i.indpred is null
  `.execute(trx);
  const { unique = true, deferrable = null, first = true } = rows[0] ?? {};
  const name = ruleTable.sql;
  return [
    ...(unique
      ? []
      : [
          failure('index', 'No unique constraint on (ptype, rule): a bootstrap can not add a rule.', [
            `alter table ${name} add constraint casbin_uniq_ptype_rule unique (ptype, rule);`,
          ]),
        ]),
    ...(deferrable === null
      ? []
      : [
          failure(
            'index',
            'The unique constraint on (ptype, rule) is deferrable: a bootstrap can not add a rule.',
            [`alter table ${name} ${deferrable}, add unique (ptype, rule);`],
          ),
        ]),
    ...(first ? [] : [warning('index', INDEX_MISSING, [`create index on ${name} ((rule ->> 0));`])]),
  ];
}

async function examineRules({ trx, options }: Inspected): Promise<DatabaseFinding[]> {
  const { model, configureEnforcer, defined, ruleTable } = options;
  const live = await readLivePolicy(trx, ruleTable, WHOLE).catch((error: unknown) => {
    if (error instanceof BootstrapError) return error;
    throw error;
  });
  if (live instanceof BootstrapError) return [failure('rules', live.message)];
  const found = [
    ...checkIntegrity(model, live, { defined, stockLoadable: false, ruleTable }),
    ...(await checkStructure(model, live, defined.rules, configureEnforcer)),
  ];
  if (found.length === 0)
    return [fine('rules', `Stored rules: ${live.length}. All of them read back as written.`)];
  return found.map(({ severity, ids, message }): DatabaseFinding => {
    const rows = ids.length === 1 ? `Row ${ids[0]}` : `Rows ${ids.join(', ')}`;
    return { check: 'rules', status: severity, message: `${rows}: ${message}`, remedies: [] };
  });
}
