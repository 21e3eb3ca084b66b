import { createHash } from 'node:crypto';
import { type Kysely, type RawBuilder, sql } from 'kysely';
import { nameAround, quoteIdentifier, quoteTable, quoteText } from '../src/database/catalog.ts';
import { type Placement, placementExpression } from '../src/database/citus.ts';
import { engineBehind } from '../src/database/dialect.ts';
import { OWN_QUERIES } from '../src/database/own-queries.ts';
import { DatabaseError } from '../src/errors.ts';
import type { Migration } from '../src/migrator/migration.ts';

/** Where every change of a rule table is recorded, in the schema of that table. */
export const JOURNAL = 'casbin_bootstrap_journal';

/** What listeners of the journal listen to. */
const JOURNAL_CHANNEL = 'casbin_bootstrap_journal';

/** What of a rule table's row is recorded, as SQL for a row `changed`. */
export interface Recorded {
  readonly name: string;
  readonly ptype: string;
  /** An array of texts, as jsonb. */
  readonly values: string;
}

/**
 * The journal, and triggers on a rule table that write it: one call a statement, whoever runs it, with the rows that
 * the statement has changed. The function is the owner's, so a role that may write rules need not be allowed to write
 * here.
 *
 * It may run again, on triggers of an earlier release or of a table that has got other columns or another name since.
 */
export function journal(recorded: Recorded): Migration {
  return {
    async up(given: Kysely<unknown>) {
      const db = given.withPlugin(OWN_QUERIES);
      const { name } = recorded;
      await refuseEngine(db, name);
      await refuseView(db, name);
      await makeTable(db);
      const { rows } = await sql<{ schema: string }>`select current_schema()::text as schema`.execute(db);
      const body = writeFunction(recorded, rows[0]?.schema ?? 'public');
      const [table, record] = [sql.id(name), sql.id(functionOf(name))];
      await sql`do ${quoted(keepForOthers(name))}`.execute(db);
      await sql`
        create or replace function ${record}() returns trigger
        language plpgsql security definer set search_path = pg_catalog, pg_temp as ${quoted(body)}
      `.execute(db);
      await sql`do ${quoted(closeFunction(name))}`.execute(db);
      for (const [event, referencing] of EVENTS) {
        await sql`
          create or replace trigger ${sql.id(nameAround(`${JOURNAL}_${event}_`, name))}
          after ${sql.raw(event)} on ${table} ${sql.raw(referencing)}
          for each statement execute function ${record}()
        `.execute(db);
      }
      await sql`do ${quoted(dropOthers(name))}`.execute(db);
    },
  };
}

function functionOf(table: string): string {
  return nameAround(`${JOURNAL}_`, table);
}

/** Changes with what {@link writeFunction} writes. A function of a later release stays as it is. */
const GENERATION = 2;

/** The first line of the function, by which a bootstrap finds out whether it has to be made again. */
function headerOf({ ptype, values }: Omit<Recorded, 'name'>): string {
  return `-- ${JOURNAL} ${GENERATION}: ${ptype}, ${values}`;
}

/**
 * The body of the function. It names the journal by its schema, as it is the owner's and may be called on any
 * search_path. If the schema was renamed since, it finds the journal where it is itself, which takes longer.
 */
function writeFunction(recorded: Recorded, schema: string): string {
  const known = { into: quoteTable(JOURNAL, schema), source: 'tg_table_name' };
  const columns = 'source, operation, ptype, rule, actor, reason, release, role, application';
  const insert = ({ into, source }: typeof known, operation: '+' | '-', changedRows: string) =>
    `insert into ${into} (${columns}) select ${source}, '${operation}', ${recorded.ptype}, ${recorded.values}, ${CONTEXT} from ${changedRows} changed`;
  const insertTruncate = ({ into, source }: typeof known) =>
    `insert into ${into} (${columns}) values (${source}, '0', null, null, ${CONTEXT})`;
  const record = (write: (what: (at: typeof known) => string) => string) => `
    if tg_op = 'TRUNCATE' then
      ${write(insertTruncate)};
      get diagnostics recorded_rows = row_count;
    end if;
    if tg_op in ('UPDATE', 'DELETE') then
      ${write((at) => insert(at, '-', 'old_rows'))};
      get diagnostics recorded_rows = row_count;
    end if;
    if tg_op in ('INSERT', 'UPDATE') then
      ${write((at) => insert(at, '+', 'new_rows'))};
      get diagnostics recorded_rows = row_count;
    end if;`;
  const elsewhere = { into: `%I.${quoteIdentifier(JOURNAL)}`, source: '$1' };
  return `${headerOf(recorded)}
declare
  recorded_rows bigint;
  journal_schema text;
  recorded_name text := tg_table_name;
begin
  if tg_table_schema = ${quoteText(schema)} then${record((what) => what(known))}
  else
    select n.nspname into journal_schema
    from pg_catalog.pg_trigger t
    join pg_catalog.pg_proc p on p.oid = t.tgfoid
    join pg_catalog.pg_namespace n on n.oid = p.pronamespace
    where t.tgrelid = tg_relid and t.tgname = tg_name;
    if journal_schema <> tg_table_schema then
      recorded_name := tg_table_schema || '.' || tg_table_name;
    end if;${record((what) => `execute format(${quoteText(what(elsewhere))}, journal_schema) using recorded_name`)}
  end if;
  if recorded_rows > 0 then
    perform pg_notify(${quoteText(JOURNAL_CHANNEL)}, tg_table_schema || '.' || tg_table_name);
  end if;
  return null;
end
`;
}

/**
 * Gives the function another name if triggers of another table call it: a table that was renamed keeps its triggers,
 * and may have other columns than the one that has its name now.
 */
function keepForOthers(name: string): string {
  const record = functionOf(name);
  const rename = `alter function ${quoteIdentifier(record).replaceAll('%', '%%')}() rename to %I`;
  return `
declare
  other name;
begin
  for other in
    select distinct '${JOURNAL}_of_' || p.oid
    from pg_catalog.pg_proc p
    join pg_catalog.pg_namespace n on n.oid = p.pronamespace
    join pg_catalog.pg_trigger t on t.tgfoid = p.oid
    where p.proname = ${quoteText(record)}
      and n.nspname = current_schema()
      and t.tgrelid <> ${quoteText(quoteIdentifier(name))}::regclass
  loop
    execute format(${quoteText(rename)}, other);
  end loop;
end
`;
}

/**
 * Lets nobody but the owner execute the function. Else a role could have it called for a table of its own, and so write
 * what it likes. Default privileges may give a new function to other roles than public.
 */
function closeFunction(name: string): string {
  const record = quoteIdentifier(functionOf(name));
  return `
declare
  grantee text;
begin
  for grantee in
    select case when a.grantee = 0 then 'public' else a.grantee::regrole::text end
    from pg_catalog.pg_proc p, ${GRANTS} a
    where p.oid = ${quoteText(record)}::regproc and a.grantee <> p.proowner
  loop
    execute format(${quoteText(`revoke execute on function ${record.replaceAll('%', '%%')}() from %s cascade`)}, grantee);
  end loop;
end
`;
}

/** The privileges on a row of `pg_proc` that is called `p`. */
const GRANTS = `aclexplode(coalesce(p.proacl, acldefault('f', p.proowner)))`;

/** Drops what would record the table twice: triggers by a former name, and the function of an earlier release. */
function dropOthers(name: string): string {
  const table = `${quoteText(quoteIdentifier(name))}::regclass`;
  const own = triggersOf(name).map(quoteText).join(', ');
  const earlier = quoteIdentifier(nameAround(`${JOURNAL}_truncate_`, name));
  return `
declare
  other name;
begin
  for other in
    select t.tgname ${ON_TABLE(table)} and t.tgname <> all (array[${own}]::name[])
  loop
    execute format('drop trigger %I on %s', other, ${table});
  end loop;
  begin
    drop function if exists ${earlier}();
  exception when dependent_objects_still_exist then null;
  end;
end
`;
}

/** The triggers of a relation that write a journal, by whatever name. */
const ON_TABLE = (relation: string) => `
    from pg_catalog.pg_trigger t
    join pg_catalog.pg_proc p on p.oid = t.tgfoid
    where t.tgrelid = ${relation} and starts_with(p.proname::text, '${JOURNAL}_')`;

/**
 * An SQL expression for the triggers that record a relation, as JSON: the first line of the function of each by name.
 * It is empty if the trigger is disabled, if others than the owner may execute the function, as after a restore without
 * privileges, if the table was moved to another schema since, as its journal is still where the function is, and if the
 * journal was dropped: until it is made again, no rule can be written.
 */
export function recordingExpression(relation: string): string {
  return `(
    select coalesce(
      json_object_agg(
        t.tgname,
        case
          when t.tgenabled not in ('O', 'A') then ''
          when exists (select from ${GRANTS} a where a.grantee <> p.proowner) then ''
          when p.pronamespace <> (select relnamespace from pg_catalog.pg_class where oid = t.tgrelid) then ''
          when not exists (
            select from pg_catalog.pg_class j where j.relname = '${JOURNAL}' and j.relnamespace = p.pronamespace
          ) then ''
          else split_part(p.prosrc, chr(10), 1)
        end
      ),
      '{}'
    )
    ${ON_TABLE(relation)}
  )`;
}

/** Whether a table is recorded as this release does it, or a later one. */
export function isRecording(recorded: Recorded, found: Readonly<Record<string, string>>): boolean {
  const own = triggersOf(recorded.name);
  const isRight = (header = '') => header === headerOf(recorded) || generationOf(header) > GENERATION;
  return Object.keys(found).length === own.length && own.every((trigger) => isRight(found[trigger]));
}

function generationOf(header: string): number {
  return Number(/^-- \w+ (\d+):/.exec(header)?.[1] ?? 0);
}

/** By a tag that does not stand in it: it is made of all of it, and a table may have any name. */
function quoted(text: string): RawBuilder<unknown> {
  const tag = `$casbin_bootstrap_${createHash('sha256').update(text).digest('hex').slice(0, 16)}$`;
  return sql.raw(`${tag}${text}${tag}`);
}

const EVENTS = [
  ['insert', 'referencing new table as new_rows'],
  ['update', 'referencing old table as old_rows new table as new_rows'],
  ['delete', 'referencing old table as old_rows'],
  ['truncate', ''],
] as const;

/** The triggers that record a table under its name. Without one of them, some of its changes are not recorded. */
export function triggersOf(table: string): string[] {
  return EVENTS.map(([event]) => nameAround(`${JOURNAL}_${event}_`, table));
}

/** Who, why and by which release: what a transaction of ours says; and what the server knows of any. */
const CONTEXT = [
  `nullif(current_setting('casbin_bootstrap.actor', true), '')`,
  `nullif(current_setting('casbin_bootstrap.reason', true), '')`,
  `nullif(current_setting('casbin_bootstrap.release', true), '')`,
  'session_user',
  `nullif(current_setting('application_name', true), '')`,
].join(', ');

async function makeTable(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table if not exists ${sql.id(JOURNAL)} (
      id bigint generated always as identity primary key,
      at timestamptz not null default clock_timestamp(),
      transaction xid8 not null default pg_current_xact_id(),
      source text not null,
      operation "char" not null,
      ptype text,
      rule jsonb,
      actor text,
      reason text,
      release text,
      role text not null,
      application text
    )
  `.execute(db);
  // A follower asks for what is not older than the oldest transaction that was open when it asked last.
  await sql`
    create index if not exists ${sql.id(`${JOURNAL}_transaction`)} on ${sql.id(JOURNAL)} (transaction)
  `.execute(db);
}

async function refuseEngine(db: Kysely<unknown>, name: string): Promise<void> {
  const engine = engineBehind(db);
  if (engine.commitsDdl) {
    throw impossible(`which ${engine.title} is not known to have`, 'Leave out the journal option.');
  }
  if (engine.name !== 'citus') return;
  const table = quoteTable(name, undefined);
  const { rows } = await sql<{ placement: Placement }>`
    select ${sql.raw(placementExpression(`${quoteText(table)}::regclass`))} as placement
  `.execute(db);
  if (rows[0]?.placement === 'local') return;
  throw impossible(
    `which Citus has only on local tables, and ${table} is none`,
    `Leave out the journal option, or make it one: select undistribute_table(${quoteText(table)});`,
  );
}

/** On what is no table of its own, PostgreSQL has no such triggers. */
async function refuseView(db: Kysely<unknown>, name: string): Promise<void> {
  const { rows } = await sql<{ kind: 'v' | 'm' | 'f' }>`
    select relkind::text as kind
    from pg_catalog.pg_class
    where oid = to_regclass(${quoteIdentifier(name)}) and relkind in ('v', 'm', 'f')
  `.execute(db);
  const kind = rows[0]?.kind;
  if (kind === undefined) return;
  const what = kind === 'f' ? 'a foreign table' : 'a view';
  throw impossible(
    `which PostgreSQL has only on tables, and ${quoteIdentifier(name)} is ${what}`,
    'Leave out the journal option, or name the table behind it by the table option.',
  );
}

function impossible(reason: string, remedy: string): DatabaseError {
  const message = `The journal needs triggers with transition tables, ${reason}. Nothing was changed. ${remedy}`;
  return new DatabaseError('JOURNAL_IMPOSSIBLE', message);
}
