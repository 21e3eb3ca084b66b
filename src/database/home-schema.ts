import { sql } from 'kysely';

/**
 * An expression for the schema that a bootstrap works in: the one given; else the first of the search_path that
 * has a `casbin` table; else the one where it would make it. Null when there is none that the role may use.
 */
export function homeSchemaExpression(schema: string | undefined) {
  return sql`
    coalesce(
      ${schema ?? null}::text,
      (
        select n.nspname::text
        from unnest(current_schemas(false)) with ordinality as path (name, position)
        join pg_catalog.pg_namespace n on n.nspname = path.name
        join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = 'casbin'
        order by path.position
        limit 1
      ),
      current_schema()::text
    )
  `;
}
