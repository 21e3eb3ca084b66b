import { sql } from 'kysely';

/**
 * An expression for the schema that a bootstrap works in: the one given; else where an unqualified `casbin` is
 * found on this connection; else the first one on the search_path that is not PostgreSQL's own. Null when there is none that the role may use.
 */
export function homeSchemaExpression(schema: string | undefined) {
  return sql<
    string | null
  >`coalesce(${schema ?? null}::text, ${foundSchemaExpression('casbin')}, ${FIRST_OF_USERS})`;
}

/** An expression for the schema in which the search_path finds a table; null when it finds none. */
export function foundSchemaExpression(table: string) {
  return sql<string | null>`(
    select n.nspname::text
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.oid = to_regclass(quote_ident(${table})) and n.nspname !~ '^pg_'
  )`;
}

/** `current_schema()` may be a temporary schema, or pg_catalog, where somebody put it first for safety. */
const FIRST_OF_USERS = sql`(
  select path.name::text
  from unnest(current_schemas(false)) with ordinality as path (name, position)
  where path.name !~ '^pg_' and path.name <> 'information_schema'
  order by path.position
  limit 1
)`;
