import { constraintCondition, repairsOf, takenNames } from '../../migrations/0001_casbin.ts';
import { journal } from '../../migrations/0003_journal.ts';
import { providerMigrations } from '../../migrations/index.ts';
import { quoteIdentifier, quoteTable, quoteText } from '../database/catalog.ts';
import { type Migrations, PACKAGE_LIST } from '../migrator/migration.ts';
import { resolveOptions } from '../options/resolve.ts';
import { type ResolvedOptions, requireFitting } from '../options/resolved-options.ts';
import type { BootstrapOptions } from '../options.ts';
import type { Rule } from '../policy/rule.ts';
import type { RunnableSeeder } from '../seeding/seeder.ts';
import { arrayOfValues } from '../tables/columns-table.ts';
import { futureColumnsTable } from '../tables/find-rule-table.ts';
import { journalMigrationOf } from '../tables/recording.ts';
import type { RuleTable } from '../tables/rule-table.ts';
import { IS_PTYPE, OWNED_DECLARATIONS, rememberWhatWasMade, viewOf, writeOwned } from './ownership-sql.ts';
import { holdsLines, recordMigration, recordStatements, withoutResult } from './record-statements.ts';

/** How much to write. */
export interface BootstrapSqlOptions {
  /** Only the tables, without rules and rows. Default: false. */
  readonly schemaOnly?: boolean | undefined;
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
  const { schema, packageMigrations } = resolved;
  const parts = [
    HEADING,
    ...(schema === undefined ? [] : [`create schema if not exists ${quoteIdentifier(schema)};`]),
    ...(packageMigrations === null ? [] : await writeMigrations(packageMigrations, resolved)),
    ...(schemaOnly ? [] : [writePolicy(resolved), ...(await writeSeeders(resolved))]),
    ...describeMigrations(resolved),
  ];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

/** Passes the check of the options, and is never used. */
const NO_POOL = { connect: () => Promise.reject(new Error('there is no database here')) };

const HEADING = '-- Written by casbin-bootstrap. It can be run any number of times.';

/** One block for each migration, which does nothing if the migration is recorded. */
async function writeMigrations(
  migrations: Migrations,
  { schema, ruleTable, ownership, seeders }: ResolvedOptions,
): Promise<string[]> {
  const recorded = quoteTable(PACKAGE_LIST.tableName, schema);
  const foreign = seeders
    .filter((seeder) => !seeder.isPolicy && seeder.migrations !== providerMigrations)
    .flatMap((seeder) => Object.keys(seeder.migrations ?? {}));
  const made = `create table if not exists ${recorded} (\n  name varchar(255) not null primary key,\n  timestamp varchar(255) not null\n);`;
  const blocks: string[] = [];
  const own = { ...migrations, ...writtenJournal(migrations, ruleTable) };
  for (const [name, migration] of Object.entries(own).sort(([a], [b]) => (a < b ? -1 : 1))) {
    const statements = await recordMigration(name, migration, {
      answer: (question) => answer(question, schema),
      leavesOut: !foreign.includes(name),
    });
    const record = `insert into ${recorded} (name, timestamp)\nvalues (${quoteText(name)}, to_char(now() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'));`;
    const isTable = name === ruleTable.migrationName && ruleTable.layout === 'document';
    const made = isTable
      ? completeTable(statements, ruleTable.name)
      : statements.map((statement) => `${asFound(withoutResult(statement), ruleTable)};`);
    const condition = `if not exists (select from ${recorded} where name = ${quoteText(name)}) then`;
    // The journal is made as it has to be now, also where another release made it, or the table has other columns
    // since.
    const [always, once] =
      name === journalMigrationOf(ruleTable) ? [made, [record]] : [[], [...made, record]];
    const lines = [
      ...always.map((statement) => indent(statement, 2)),
      `  ${condition}`,
      ...once.map((statement) => indent(statement, 4)),
      '  end if;',
    ];
    const declarations = isTable ? 'taken_names text[]; needed text[]; statement text;' : '';
    blocks.push(`-- Migration ${inComment(name)}\n${block(lines, schema, declarations)}`);
  }
  const before =
    ownership === null ? [] : [block([`  ${rememberWhatWasMade(recorded, ruleTable)}`], undefined)];
  return [made, ...before, ...blocks];
}

/** Stands for the schema that the script is run in, if none is given. */
const CURRENT_SCHEMA = 'casbin_bootstrap_current_schema';

function answer(question: string, schema: string | undefined): readonly object[] {
  if (/^select current_schema\(\)/.test(question)) return [{ schema: schema ?? CURRENT_SCHEMA }];
  return /"isUnique"/.test(question) ? [{ schema: schema ?? 'public' }] : [];
}

/** Stand for columns of a rule table, whose number and names differ between adapters. */
const PTYPE = 'casbin_bootstrap_ptype';
const VALUES = 'casbin_bootstrap_values';

/** The migration of the journal, if there is one, for the columns that are found when the script is run. */
function writtenJournal(migrations: Migrations, table: RuleTable): Migrations {
  const name = journalMigrationOf(table);
  if (table.layout !== 'columns' || migrations[name] === undefined) return {};
  return { [name]: journal({ name: table.name, ptype: `changed.${PTYPE}`, values: arrayOfValues(VALUES) }) };
}

/** A function names its tables with their schema, and their columns, some of which only the server knows. */
function asFound(statement: string, { sql }: RuleTable): string {
  const columns = (what: string, condition: string) =>
    `(select ${what} from pg_catalog.pg_attribute where attrelid = ${quoteText(sql)}::regclass and ${condition})`;
  const unknown = [
    [quoteIdentifier(CURRENT_SCHEMA), 'quote_ident(current_schema())'],
    [quoteText(CURRENT_SCHEMA), 'quote_literal(current_schema())'],
    [PTYPE, columns('attname', IS_PTYPE)],
    [
      VALUES,
      columns(
        `string_agg('changed.' || attname, ', ' order by length(attname), attname)`,
        `attname ~ '^v[0-9]{1,3}$'`,
      ),
    ],
  ] as const;
  const used = unknown.filter(([name]) => statement.includes(name));
  if (used.length === 0) return statement;
  const text = used.reduce(
    (given, [name, found]) => `replace(${given}, ${quoteText(name)}, ${found})`,
    quoteText(statement),
  );
  return `execute ${text}`;
}

/**
 * Makes a table of documents as its migration does, and decides on the server what the migration looks for: another
 * tool may have made the constraints, and another table may have the names.
 */
function completeTable([createTable, ...others]: readonly string[], table: string): string[] {
  return [
    `${createTable};`,
    `select array_agg(name) into taken_names from ${takenNames(table)};`,
    `select coalesce(array_agg(repair), '{}') into needed from ${repairsOf(table)};`,
    'foreach statement in array needed loop',
    '  execute statement;',
    'end loop;',
    ...others.flatMap((statement) => unlessThere(statement, table)),
  ];
}

function unlessThere(statement: string, table: string): string[] {
  const [, index, expression] = INDEX.exec(statement) ?? [];
  if (index !== undefined) return [unlessTaken(index, `create index ${expression}`, statement)];
  const [, alter, name, type, columns = ''] = CONSTRAINT.exec(statement) ?? [];
  if (name === undefined) return [`${statement};`];
  const columnNames = columns.split(', ').map((column) => column.slice(1, -1));
  const added = unlessTaken(name, `${alter} ${type} (${columns})`, statement);
  const isUnique = type === 'unique';
  const condition = constraintCondition(table, isUnique ? 'u' : 'p', columnNames);
  const before = isUnique ? refuseDuplicates(table).map((line) => indent(line, 2)) : [];
  return [`if not ${condition} then`, ...before, indent(added, 2), 'end if;'];
}

/** A script does not remove them, because an administrator who reads it can't see which rows that would be. */
function refuseDuplicates(table: string): string[] {
  const name = quoteIdentifier(table);
  const message = `Table ${name} holds rules more than once, so it can't become unique on (ptype, rule). Run a bootstrap first, which keeps the row with the lowest id of each rule, or delete the others yourself.`;
  const hint = `delete from ${name} a using ${name} b where a.ptype = b.ptype and a.rule = b.rule and a.id > b.id;`;
  return [
    `if exists (select from ${name} group by ptype, rule having count(*) > 1) then`,
    `  raise exception using message = ${quoteText(message)}, hint = ${quoteText(hint)}, errcode = 'unique_violation';`,
    'end if;',
  ];
}

const INDEX = /^create index if not exists "((?:[^"]|"")+)" (on .*)$/s;
const CONSTRAINT =
  /^(alter table "(?:[^"]|"")+" add) constraint "((?:[^"]|"")+)" (unique|primary key) \((.*)\)$/s;

/** A statement that uses the usual name, or makes PostgreSQL choose one if that is taken. */
function unlessTaken(quotedName: string, unnamed: string, named: string): string {
  const name = quoteText(quotedName.replaceAll('""', '"'));
  return `if ${name} = any (taken_names) then\n  ${unnamed};\nelse\n  ${named};\nend if;`;
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

function writePolicy(options: ResolvedOptions): string {
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
  const { before, rules: found, after } = viewOf(ruleTable);
  const insert = writeInsert(found, rules);
  const heading = rules.length === 1 ? 'The rule of the policy' : `The ${rules.length} rules of the policy`;
  return `-- ${heading}\n${before.length === 0 ? insert : block([...before, insert, ...after], undefined)}`;
}

function writeInsert(table: RuleTable, rules: readonly Rule[]): string {
  const { sql, written, onConflict } = table;
  const { arrays, names, values, isSame } = table.give(rules);
  const rows = rules.map((_, position) => {
    const given = arrays.map((array) => quoteText(array[position] ?? ''));
    return `  (${[position + 1, ...given].join(', ')})`;
  });
  return `insert into ${sql} (${written})
select ${values}
from (values
${rows.join(',\n')}
) as given (n, ${names})
where not exists (select from ${sql} stored where ${isSame('stored')})
order by given.n${onConflict === '' ? '' : `\n${onConflict}`};`;
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
  return holdsLines(statement) ? pad + statement : statement.replace(/^(?=.)/gm, pad);
}
