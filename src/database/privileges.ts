import { type RawBuilder, sql } from 'kysely';
import { PermissionError } from '../errors.ts';
import { homeSchemaExpression } from './catalog.ts';
import { findCoded } from './sqlstates.ts';
import type { AnyKysely } from './transaction.ts';

/** What a role must be allowed to do. Tables that don't exist are ignored; names may be qualified. */
export interface Needs {
  readonly schema: string | undefined;
  /** To make tables, and the schema if it is missing. */
  readonly create: boolean;
  /** Tables to read from. */
  readonly select: readonly string[];
  /** Tables to insert into. */
  readonly insert: readonly string[];
  /** Tables to lock against other writers, which needs the right to update them. */
  readonly lock: readonly string[];
  /** Tables to insert into, and to change and delete rows of. */
  readonly change: readonly string[];
  /** Tables to delete rows of. */
  readonly remove: readonly string[];
  /** Tables to alter, which only their owner may. */
  readonly own: readonly string[];
}

/** Of a role that may do nothing. */
export const NO_NEEDS: Needs = {
  schema: undefined,
  create: false,
  select: [],
  insert: [],
  lock: [],
  change: [],
  remove: [],
  own: [],
};

/** Statements, for an administrator to run, that together grant everything that the current role lacks. */
export async function findPrivilegeRemedies(db: AnyKysely, needs: Needs): Promise<string[]> {
  const { schema, create, select, change, remove, lock, own } = needs;
  const insert = [...needs.insert, ...change];
  const { rows } = await sql<{ remedy: string }>`
    with home as (
      select wanted.name, n.oid
      from (select coalesce(${homeSchemaExpression(schema)}, 'public') as name) wanted
      left join pg_catalog.pg_namespace n on n.nspname = wanted.name
    ),
    relation as (
      select
        c.oid, c.relowner, n.oid as schema, format('%I.%I', n.nspname, c.relname) as name,
        ${isNamed(own)} and not pg_has_role(c.relowner, 'usage') as foreign,
        ${isNamed([...select, ...remove])} or ${isNamed(insert)} as "select",
        ${isNamed(insert)} as "insert",
        ${isNamed([...lock, ...change])} as "update",
        ${isNamed([...change, ...remove])} as "delete"
      from pg_catalog.pg_class c
      join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      cross join home
      where c.relkind in ('r', 'p', 'v', 'f')
      and (${isNamed([...select, ...insert, ...remove, ...own])})
    ),
    -- What an owner may do needs no grant.
    granted as (
      select * from relation where not "foreign"
    ),
    -- Materialized, or has_sequence_privilege may be asked about something that is not a sequence.
    sequence as materialized (
      select s.oid, format('%I.%I', n.nspname, s.relname) as name
      from granted
      join pg_catalog.pg_depend d on d.refobjid = granted.oid and d.classid = 'pg_class'::regclass and d.deptype = 'a'
      join pg_catalog.pg_class s on s.oid = d.objid and s.relkind = 'S'
      join pg_catalog.pg_namespace n on n.oid = s.relnamespace
      where granted.insert
    )
    select format(
      'grant create on database %I to %I; /* schema %I does not exist: is its name right? */',
      current_database(), current_user, home.name
    ) as remedy
    from home
    where ${create} and oid is null and not has_database_privilege(current_database(), 'create')
    union all
    select format('grant %s on schema %I to %I;', privilege, home.name, current_user)
    from home, unnest(array['usage', 'create']) as privilege
    where oid is not null and (privilege = 'usage' or ${create}) and not has_schema_privilege(oid, privilege)
    union all
    select distinct format('grant usage on schema %I to %I;', n.nspname, current_user)
    from relation
    join pg_catalog.pg_namespace n on n.oid = relation.schema
    where n.oid not in (select oid from home where oid is not null) and not has_schema_privilege(n.oid, 'usage')
    union all
    select format('grant %s on table %s to %I;', privilege, granted.name, current_user)
    from granted, unnest(array['select', 'insert', 'update', 'delete']) as privilege
    where case privilege
      when 'select' then granted.select
      when 'insert' then granted.insert
      when 'update' then granted.update
      else granted.delete
    end
    and not has_table_privilege(granted.oid, privilege)
    union all
    select format('grant usage on sequence %s to %I;', sequence.name, current_user)
    from sequence
    where not has_sequence_privilege(sequence.oid, 'usage, update')
    union all
    select format(
      'alter table %s owner to %I; -- it is owned by %I; or run the bootstrap as that role',
      relation.name, current_user, pg_get_userbyid(relation.relowner)
    )
    from relation
    where relation.foreign
  `.execute(db);
  return rows.map(({ remedy }) => remedy);
}

/** Grants for the first schema of the search_path that exists, in a session that may use none of it. */
export async function findHiddenSchemaRemedies(db: AnyKysely): Promise<string[]> {
  const { rows } = await sql<{ remedy: string }>`
    with hidden as (
      select n.oid, n.nspname as name
      from unnest(string_to_array(current_setting('search_path'), ',')) with ordinality as path (name, position)
      join pg_catalog.pg_namespace n on n.nspname = trim(both '" ' from path.name) and n.nspname !~ '^pg_|^information_schema$'
      order by path.position
      limit 1
    )
    select format('grant %s on schema %I to %I;', privilege, name, current_user) as remedy
    from hidden, unnest(array['usage', 'create']) as privilege
    where not has_schema_privilege(oid, privilege)
  `.execute(db);
  return rows.map(({ remedy }) => remedy);
}

/** Whether the relation `c` in schema `n` is among the names: plain ones are those of the home schema. */
function isNamed(tables: readonly string[]): RawBuilder<boolean> {
  return sql`(
    c.relname = any(${tables}::text[]) and n.nspname = home.name
    or n.nspname || '.' || c.relname = any(${tables}::text[])
  )`;
}

/** The tables of which row-level security hides rows from the current role. */
export interface HiddenRows {
  /** As SQL. */
  readonly role: string;
  /** The tables' names; null for none. */
  readonly hidden: string | null;
}

/**
 * Columns to select that are HiddenRows; tables that don't exist are ignored.
 *
 * @param tables names as SQL
 */
export function hiddenRowsColumns(tables: readonly string[]) {
  return sql`
    quote_ident(current_user) as role,
    (
      select string_agg(name, ' and ')
      from unnest(${tables}::text[]) as name
      where row_security_active(to_regclass(name))
    ) as hidden
  `;
}

/** The same for an engine that can't tell. */
export const NOTHING_HIDDEN = sql`'' as role, null::text as hidden`;

/**
 * Refuses to work if the role can see only a part of the rows.
 *
 * @throws PermissionError
 */
export function refuseHiddenRows({ role, hidden }: HiddenRows): void {
  if (hidden === null) return;
  const message = `Row-level security is active for role ${role} on ${hidden}, so some rows may be hidden from it. Nothing was changed. Run it as the owner of the table, or let an administrator run:\n  ${bypass(role)}`;
  throw new PermissionError(message, [bypass(role)]);
}

/** Refuses as {@link refuseHiddenRows}, after a query of its own. */
export async function requireAllRows(db: AnyKysely, tables: readonly string[]): Promise<void> {
  const { rows } = await sql<HiddenRows>`select ${hiddenRowsColumns(tables)}`.execute(db);
  for (const row of rows) refuseHiddenRows(row);
}

/** The statement that exempts a role from row-level security; its name is given as SQL. */
export function bypass(role: string): string {
  return `alter role ${role} bypassrls;`;
}

/** Whether an error is a refusal by row-level security: it has the SQLSTATE of a missing grant. */
export function isRowSecurityViolation(error: unknown): boolean {
  // Messages may be translated; the function that raised them is not.
  const routine = findCoded(error)?.routine;
  return routine === 'ExecWithCheckOptions' || routine === 'check_enable_rls';
}
