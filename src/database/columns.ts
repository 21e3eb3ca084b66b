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
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    left join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where c.relname = ${table} and n.nspname = coalesce(${schema}, current_schema())
    order by a.attnum
  `.execute(db);
  if (rows.length === 0) return null;
  // A table may have no columns at all.
  return rows.filter(({ name }) => name !== null);
}

/**
 * Refuses a table that was there before and is not what its name promises. `expected` gives for each column the
 * types that will do; further columns are the owner's business. `wayOut` is one more remedy, for the end of the message.
 *
 * @throws DatabaseError `TABLE_SHAPE`, naming every column that is missing or of another type
 */
export async function refuseAnotherShape(
  db: AnyKysely,
  table: string,
  expected: Readonly<Record<string, readonly string[]>>,
  wayOut = '',
): Promise<void> {
  const columns = await readColumns(db, table);
  if (columns === null) return;
  await refuseAnotherKind(db, table, wayOut);
  const types = new Map(columns.map(({ name, type }) => [name, type]));
  const differences = Object.entries(expected).flatMap(([name, accepted]) => {
    const type = types.get(name);
    if (type === undefined) return [`column "${name}" is missing`];
    return accepted.includes(type) ? [] : [`column "${name}" is ${type}, not ${accepted[0]}`];
  });
  if (differences.length === 0) return;
  throw new DatabaseError(
    'TABLE_SHAPE',
    `There is a table "${table}" of another shape: ${differences.join('; ')}. Rename it, bring it into that shape, or give another schema.${wayOut}`,
  );
}

/** What else can have the name of a table, by PostgreSQL's letters. */
const KINDS: Readonly<Record<string, string>> = {
  v: 'a view',
  m: 'a materialized view',
  f: 'a foreign table',
  S: 'a sequence',
  i: 'an index',
  I: 'an index',
  c: 'a type',
};

async function refuseAnotherKind(db: AnyKysely, table: string, wayOut: string): Promise<void> {
  const { rows } = await sql<{ kind: string }>`
    select c.relkind::text as kind
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.relname = ${table} and n.nspname = current_schema()
  `.execute(db);
  const kind = KINDS[rows[0]?.kind ?? ''];
  if (kind === undefined) return;
  throw new DatabaseError(
    'TABLE_SHAPE',
    `There is ${kind} "${table}" where a table is needed. Rename it, or give another schema.${wayOut}`,
  );
}
