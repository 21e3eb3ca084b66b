import { quoteIdentifier, quoteTable, quoteText } from '../database/catalog.ts';
import { type Migrations, PACKAGE_LIST } from '../migrator/migration.ts';
import { resolveOptions } from '../options/resolve.ts';
import { type ResolvedOptions, requireFitting } from '../options/resolved-options.ts';
import type { BootstrapOptions } from '../options.ts';
import type { Rule } from '../policy/rule.ts';
import type { RunnableSeeder } from '../seeding/seeder.ts';
import { futureColumnsTable } from '../tables/columns-table.ts';
import type { RuleTable } from '../tables/rule-table.ts';
import { OWNED_DECLARATIONS, rememberWhatWasMade, writeOwned } from './ownership-sql.ts';
import { recordStatements } from './record-statements.ts';

/** How much to write. */
export interface BootstrapSqlOptions {
  /** Only the tables, without rules and rows. Default: false. */
  readonly schemaOnly?: boolean;
}

/**
 * Writes a bootstrap as SQL, for an administrator or another migration tool to run: tables, rules, what a definition
 * with a version renames, retires and records, and the rows of row seeders. It can be run any number of times, with or
 * without a transaction, and a bootstrap afterwards has nothing to do. It does not look at a database, so give `table`
 * if the rule table is not `casbin`.
 *
 * The application's own migrations, and seeders that are programs, are not included; a comment names them.
 *
 * @throws InvalidOptionsError for anything wrong with the options
 */
export async function writeBootstrapSql(
  options: BootstrapOptions = {},
  { schemaOnly = false }: BootstrapSqlOptions = {},
): Promise<string> {
  const resolved = await resolveOptions(NO_POOL, options);
  requireFitting(resolved);
  const { schema, defined, packageMigrations } = resolved;
  const parts = [
    HEADING,
    ...(schema === undefined ? [] : [`create schema if not exists ${quoteIdentifier(schema)};`]),
    ...(packageMigrations === null ? [] : await writeMigrations(packageMigrations, resolved)),
    ...(schemaOnly ? [] : [writeRules(resolved), ...(await writeSeeders(resolved))]),
    ...describeMigrations(resolved),
  ];
  return `${parts.filter((part) => part !== '' || defined.rules.length > 0).join('\n\n')}\n`;
}

/** Passes the check of the options, and is never used. */
const NO_POOL = { connect: () => Promise.reject(new Error('there is no database here')) };

const HEADING = '-- Written by casbin-bootstrap. It can be run any number of times.';

/** One block for each migration, which does nothing if the migration is recorded. */
async function writeMigrations(
  migrations: Migrations,
  { schema, ruleTable, ownership }: ResolvedOptions,
): Promise<string[]> {
  const recorded = quoteTable(PACKAGE_LIST.tableName, schema);
  const made = `create table if not exists ${recorded} (\n  name varchar(255) not null primary key,\n  timestamp varchar(255) not null\n);`;
  const blocks: string[] = [];
  for (const [name, migration] of Object.entries(migrations).sort(([a], [b]) => (a < b ? -1 : 1))) {
    const statements = await recordStatements(
      (db) => migration.up(db),
      (question) => answer(question, schema),
    );
    const record = `insert into ${recorded} (name, timestamp)\nvalues (${quoteText(name)}, to_char(now() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'));`;
    const body = [...statements.map(inCurrentSchema).map(unlessThere), record].map((statement) =>
      indent(statement, 4),
    );
    const condition = `if not exists (select from ${recorded} where name = ${quoteText(name)}) then`;
    blocks.push(
      `-- Migration ${inComment(name)}\n${block([`  ${condition}`, ...body, '  end if;'], schema)}`,
    );
  }
  const before =
    ownership === null ? [] : [block([`  ${rememberWhatWasMade(recorded, ruleTable)}`], undefined)];
  return [made, ...before, ...blocks];
}

/** Stands for the schema that the script is run in, if none is given. */
const CURRENT_SCHEMA = 'casbin_bootstrap_current_schema';

function answer(question: string, schema: string | undefined): readonly object[] {
  if (/^select current_schema\(\)/.test(question)) return [{ schema: schema ?? CURRENT_SCHEMA }];
  return /'casbin'::regclass/.test(question) ? [{ schema: schema ?? 'public' }] : [];
}

/** A function names its tables with their schema, which only the server knows if none is given. */
function inCurrentSchema(statement: string): string {
  const name = quoteIdentifier(CURRENT_SCHEMA);
  if (!statement.includes(name)) return statement;
  return `execute replace(${quoteText(statement)}, ${quoteText(name)}, quote_ident(current_schema()))`;
}

/** A table that another tool has created may already have the constraint, under any name. */
function unlessThere(statement: string): string {
  if (!/^alter table .* add constraint /s.test(statement)) return `${statement};`;
  return `begin\n  ${statement};\nexception when duplicate_table or duplicate_object or invalid_table_definition then null;\nend;`;
}

/** A block in which unqualified names belong to the schema, and which restores the search_path. */
function block(lines: readonly string[], schema: string | undefined, declarations = ''): string {
  const before =
    schema === undefined
      ? []
      : [
          `  perform set_config('search_path', concat_ws(', ', ${quoteText(quoteIdentifier(schema))}, nullif(found_path, '')), true);`,
        ];
  const after = schema === undefined ? [] : [`  perform set_config('search_path', found_path, true);`];
  const path = schema === undefined ? '' : `found_path text := current_setting('search_path');`;
  const variables = [path, declarations].filter((part) => part !== '').join(' ');
  const declared = variables === '' ? '' : `declare ${variables}\n`;
  const body = [...before, ...lines, ...after].join('\n');
  // A rule may hold any text.
  let tag = '$casbin_bootstrap$';
  for (let number = 1; body.includes(tag); number++) tag = `$casbin_bootstrap_${number}$`;
  return `do ${tag}\n${declared}begin\n${body}\nend\n${tag};`;
}

function writeRules(options: ResolvedOptions): string {
  const {
    defined: { rules },
    ownership,
    schema,
  } = options;
  const ruleTable = withCommonColumns(options.ruleTable, [...rules, ...(ownership?.retiredRules ?? [])]);
  if (ownership !== null) {
    const statements = writeOwned({ ...options, ruleTable }, ownership).map((statement) => `  ${statement}`);
    return `-- Version ${ownership.version} of the policy\n${block(statements, schema, OWNED_DECLARATIONS)}`;
  }
  if (rules.length === 0) return '';
  const { arrays, names, values, isSame } = ruleTable.give(rules);
  const rows = rules.map((_, position) => {
    const written = arrays.map((array) => quoteText(array[position] ?? ''));
    return `  (${[position + 1, ...written].join(', ')})`;
  });
  return `-- ${describeCount(rules)}
insert into ${ruleTable.sql} (${ruleTable.written})
select ${values}
from (values
${rows.join(',\n')}
) as given (n, ${names})
where not exists (select from ${ruleTable.sql} stored where ${isSame('stored')})
order by given.n${ruleTable.onConflict === '' ? '' : `\n${ruleTable.onConflict}`};`;
}

/** The number of value columns that the tables of all adapters have. */
const COMMON_VALUES = 6;

/**
 * Another tool's table may have fewer columns than ours, so the SQL names only the columns that all have or rules need.
 */
function withCommonColumns(table: RuleTable, rules: readonly Rule[]): RuleTable {
  if (table.layout !== 'columns') return table;
  const width = rules.reduce((most, { values }) => Math.max(most, values.length), COMMON_VALUES);
  return futureColumnsTable(table.name, table.schema, table.engine, width);
}

function describeCount({ length }: readonly Rule[]): string {
  return length === 1 ? 'The rule of the policy' : `The ${length} rules of the policy`;
}

async function writeSeeders({ seeders, schema }: ResolvedOptions): Promise<string[]> {
  const written: string[] = [];
  for (const seeder of seeders) if (!seeder.isPolicy) written.push(await writeSeeder(seeder, schema));
  return written;
}

async function writeSeeder(
  { name, insertUnseen }: RunnableSeeder,
  schema: string | undefined,
): Promise<string> {
  if (insertUnseen === undefined) {
    return `-- Seeder ${inComment(name)} is a program of the application: it is run by a bootstrap only.`;
  }
  const statements = await recordStatements((db) => insertUnseen(db));
  const body = statements.map((statement) => indent(`${statement};`, 2));
  return body.length === 0 ? '' : `-- Seeder ${inComment(name)}\n${block(body, schema)}`;
}

function describeMigrations({ applicationMigrations }: ResolvedOptions): string[] {
  const names = Object.keys(applicationMigrations ?? {});
  if (names.length === 0) return [];
  return [`-- Not in here are the application's own migrations: ${names.map(inComment).join(', ')}`];
}

function inComment(name: string): string {
  return name.replace(/\s+/g, ' ');
}

/** Indents lines, but not those within a literal of several lines, which would change. */
function indent(statement: string, blanks: number): string {
  const pad = ' '.repeat(blanks);
  return /'[^']*\n[^']*'/.test(statement) ? pad + statement : statement.replace(/^(?=.)/gm, pad);
}
