import { type RawBuilder, sql } from 'kysely';

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
