import { sql } from 'kysely';
import type { AnyKysely } from './transaction.ts';

/**
 * What the current role lacks for a bootstrap, as statements that somebody entitled may run: privileges on the
 * schema and on those of the tables that exist, and the owners of tables that are to be altered.
 */
export async function findPrivilegeRemedies(
  db: AnyKysely,
  schema: string | undefined,
  tables: readonly string[],
): Promise<string[]> {
  const { rows } = await sql<{ remedy: string }>`
    with home as (
      select n.oid, n.nspname as name
      from pg_catalog.pg_namespace n
      where n.nspname = coalesce(${schema ?? null}::text, current_schema(), 'public')
    ),
    relation as (
      select c.oid, c.relkind, c.relowner, format('%I.%I', home.name, c.relname) as name
      from pg_catalog.pg_class c
      join home on home.oid = c.relnamespace
      where c.relname = any(${tables}::text[])
        or c.oid in (
          select d.objid
          from pg_catalog.pg_depend d
          join pg_catalog.pg_class t on t.oid = d.refobjid and t.relnamespace = home.oid
          where t.relname = any(${tables}::text[]) and d.deptype in ('a', 'i') and d.classid = 'pg_class'::regclass
        )
    )
    select format('grant %s on database %I to %I;', 'create', current_database(), current_user) as remedy
    where not exists (select from home) and not has_database_privilege(current_database(), 'create')
    union all
    select format('grant %s on schema %I to %I;', privilege, home.name, current_user)
    from home, unnest(array['usage', 'create']) as privilege
    where not has_schema_privilege(home.oid, privilege)
    union all
    select format('grant %s on table %s to %I;', privilege, relation.name, current_user)
    from relation, unnest(array['select', 'insert']) as privilege
    where relation.relkind in ('r', 'p') and not has_table_privilege(relation.oid, privilege)
    union all
    select format('grant usage on sequence %s to %I;', relation.name, current_user)
    from relation
    where relation.relkind = 'S' and not has_sequence_privilege(relation.oid, 'usage')
    union all
    select format('alter table %s owner to %I; -- it is owned by %I; or run the bootstrap as that role', relation.name, current_user, pg_get_userbyid(relation.relowner))
    from relation
    where relation.relkind in ('r', 'p') and not pg_has_role(relation.relowner, 'usage')
  `.execute(db);
  return rows.map(({ remedy }) => remedy);
}
