import { type RawBuilder, sql } from 'kysely';
import { homeSchemaExpression } from './home-schema.ts';
import type { AnyKysely } from './transaction.ts';

/**
 * A table's name as SQL: quoted, and qualified when the schema is given; else the connection's `search_path`
 * decides where it is looked for.
 */
export function quoteTable(table: string, schema?: string): string {
  return schema === undefined ? quote(table) : `${quote(schema)}.${quote(table)}`;
}

function quote(identifier: string): string {
  return `"${identifier.replaceAll('"', '""')}"`;
}

/** The same for a Kysely query. */
export function tableIn(schema: string | undefined, table: string): RawBuilder<unknown> {
  return schema === undefined ? sql.id(table) : sql.id(schema, table);
}

/** Whether the schema, by default the one that a bootstrap works in, has a table of that name: told to any role. */
export async function hasTable(db: AnyKysely, schema: string | undefined, table: string): Promise<boolean> {
  const { rows } = await sql`
    select
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.relname = ${table} and n.nspname = coalesce(${homeSchemaExpression(schema)}, 'public')
  `.execute(db);
  return rows.length > 0;
}
