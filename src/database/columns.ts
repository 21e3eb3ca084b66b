import { sql } from 'kysely';
import { DatabaseError } from '../errors.ts';
import type { AnyKysely } from './transaction.ts';

/** A column as PostgreSQL calls its type: `character varying(50)`. */
export interface Column {
  readonly name: string;
  readonly type: string;
}

/** The columns of a table of one schema, by default the current one; null when there is no such table. */
export async function readColumns(
  db: AnyKysely,
  table: string,
  schema: string | null = null,
): Promise<Column[] | null> {
  const { rows } = await sql<Column>`
    select a.attname as name, format_type(a.atttypid, a.atttypmod) as type
    from pg_catalog.pg_attribute a
    join pg_catalog.pg_class c on c.oid = a.attrelid
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.relname = ${table} and n.nspname = coalesce(${schema}, current_schema())
      and a.attnum > 0 and not a.attisdropped
    order by a.attnum
  `.execute(db);
  return rows.length === 0 ? null : rows;
}

/**
 * Refuses a table that was there before and is not what its name promises. `expected` gives for each column the
 * types that will do; further columns are the owner's business.
 *
 * @throws DatabaseError `TABLE_SHAPE`, naming every column that is missing or of another type
 */
export async function refuseAnotherShape(
  db: AnyKysely,
  table: string,
  expected: Readonly<Record<string, readonly string[]>>,
): Promise<void> {
  const columns = await readColumns(db, table);
  if (columns === null) return;
  const types = new Map(columns.map(({ name, type }) => [name, type]));
  const differences = Object.entries(expected).flatMap(([name, accepted]) => {
    const type = types.get(name);
    if (type === undefined) return [`column "${name}" is missing`];
    return accepted.includes(type) ? [] : [`column "${name}" is ${type}, not ${accepted[0]}`];
  });
  if (differences.length === 0) return;
  throw new DatabaseError(
    'TABLE_SHAPE',
    `There is a table "${table}" of another shape: ${differences.join('; ')}. Rename it, bring it into that shape, or give another schema.`,
  );
}
