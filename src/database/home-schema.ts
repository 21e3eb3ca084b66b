import { sql } from 'kysely';

/**
 * An expression for the schema that a bootstrap works in: the one given; else where an unqualified `casbin` is
 * found on this connection; else where it would be made. Null when there is none that the role may use.
 */
export function homeSchemaExpression(schema: string | undefined) {
  return sql<
    string | null
  >`coalesce(${schema ?? null}::text, ${foundSchemaExpression('casbin')}, current_schema()::text)`;
}

/** An expression for the schema in which the search_path finds a table; null when it finds none. */
export function foundSchemaExpression(table: string) {
  return sql<string | null>`(
    select n.nspname::text
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.oid = to_regclass(${table})
  )`;
}
