import { createHash } from 'node:crypto';
import { type RawBuilder, sql } from 'kysely';
import { DatabaseError } from '../errors.ts';
import type { ClientLike } from './client.ts';
import type { AnyKysely } from './transaction.ts';

/**
 * A table's name as SQL: quoted, and qualified if the schema is given; otherwise PostgreSQL looks for it by the
 * connection's `search_path`.
 */
export function quoteTable(table: string, schema?: string): string {
  return schema === undefined
    ? quoteIdentifier(table)
    : `${quoteIdentifier(schema)}.${quoteIdentifier(table)}`;
}

export function quoteIdentifier(identifier: string): string {
  return `"${identifier.replaceAll('"', '""')}"`;
}

/** The same for a Kysely query. */
export function tableIn(schema: string | undefined, table: string): RawBuilder<unknown> {
  return schema === undefined ? sql.id(table) : sql.id(schema, table);
}

const LONGEST_NAME = 63;

/**
 * A name that is made from a table's, not longer than PostgreSQL allows: it would cut off the rest, and two names might
 * become equal.
 */
export function nameAround(before: string, table: string, after = ''): string {
  const plain = `${before}${table}${after}`;
  if (Buffer.byteLength(plain) <= LONGEST_NAME) return plain;
  return `${before}${createHash('sha256').update(table).digest('hex').slice(0, 16)}${after}`;
}

/** A text as an SQL literal that is read the same under any setting of `standard_conforming_strings`. */
export function quoteText(text: string): string {
  const quoted = text.replaceAll("'", "''");
  return text.includes('\\') ? `E'${quoted.replaceAll('\\', '\\\\')}'` : `'${quoted}'`;
}

/** Whether the schema, by default the one that a bootstrap works in, has a table of that name. Works for any role. */
export async function hasTable(db: AnyKysely, schema: string | undefined, table: string): Promise<boolean> {
  const { rows } = await sql`
    select
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.relname = ${table} and n.nspname = coalesce(${homeSchemaExpression(schema)}, 'public')
  `.execute(db);
  return rows.length > 0;
}

/** Whether a table is there, and the role may read it. */
export async function isReadable(client: ClientLike, table: string): Promise<boolean> {
  const { rows } = await client.query(
    `select coalesce(has_table_privilege(to_regclass($1), 'select'), false) as readable`,
    [table],
  );
  return rows[0].readable;
}

/**
 * An expression for the schema that a bootstrap works in: the one given; else where the rule table is found by its
 * unqualified name on this connection; else the first one on the search_path that is not PostgreSQL's own. Null if the
 * role may use none of them.
 */
export function homeSchemaExpression(schema: string | undefined, ruleTable = 'casbin') {
  return sql<
    string | null
  >`coalesce(${schema ?? null}::text, ${foundSchemaExpression(ruleTable)}, ${FIRST_OF_USERS})`;
}

/** The schema of {@link homeSchemaExpression}, by the first of these tables that is found; undefined for none. */
export async function readHomeSchema(
  db: AnyKysely,
  schema: string | undefined,
  tables: readonly string[],
): Promise<string | undefined> {
  if (schema !== undefined) return schema;
  const { rows } = await sql<{ home: string | null }>`
    select coalesce(${sql.join([...tables.map(foundSchemaExpression), FIRST_OF_USERS])}) as home
  `.execute(db);
  return rows[0]?.home ?? undefined;
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

/** `current_schema()` may be a temporary schema, or pg_catalog, if somebody put it first for safety. */
const FIRST_OF_USERS = sql`(
  select path.name::text
  from unnest(current_schemas(false)) with ordinality as path (name, position)
  where path.name !~ '^pg_' and path.name <> 'information_schema'
  order by path.position
  limit 1
)`;

/** A column. Its type is as PostgreSQL calls it: `character varying(50)`. */
export interface Column {
  readonly name: string;
  readonly type: string;
}

/**
 * A FROM item of columns, as `pg_attribute` has them. The column of a domain has the type that is behind it, and is
 * `not null` if the domain is. Behind a domain there may be another one: two more are looked through, by plain joins,
 * which every engine knows.
 */
export const COLUMNS = `(
    select
      a.attrelid, a.attnum, a.attname, a.attisdropped,
      coalesce(a.attnotnull or true in (d.typnotnull, e.typnotnull, f.typnotnull), false) as attnotnull,
      coalesce(f.typbasetype, e.typbasetype, d.typbasetype, a.atttypid) as atttypid,
      coalesce(nullif(f.typtypmod, -1), nullif(e.typtypmod, -1), nullif(d.typtypmod, -1), a.atttypmod) as atttypmod
    from pg_catalog.pg_attribute a
    left join pg_catalog.pg_type d on d.oid = a.atttypid and d.typtype = 'd'
    left join pg_catalog.pg_type e on e.oid = d.typbasetype and e.typtype = 'd'
    left join pg_catalog.pg_type f on f.oid = e.typbasetype and f.typtype = 'd'
  )`;

/**
 * An SQL expression for the type of a column, as PostgreSQL calls it, but without the quotes of quote_all_identifiers.
 *
 * @param column the alias of a row of {@link COLUMNS} in the query around it
 */
export function typeExpression(column: string): string {
  return `replace(format_type(${column}.atttypid, ${column}.atttypmod), '"', '')`;
}

/** The columns of a table of the current schema; null when there is no such table. */
export async function readColumns(db: AnyKysely, table: string): Promise<Column[] | null> {
  const { rows } = await sql<Column>`
    select a.attname as name, ${sql.raw(typeExpression('a'))} as type
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    left join ${sql.raw(COLUMNS)} a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where c.relname = ${table} and n.nspname = current_schema()
    order by a.attnum
  `.execute(db);
  if (rows.length === 0) return null;
  // A table may have no columns at all.
  return rows.filter(({ name }) => name !== null);
}

/**
 * Refuses a table that was there before and has another shape. `expected` has the accepted types of each column; other
 * columns are allowed. `wayOut` is one more remedy, for the end of the message.
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
    `Table "${table}" exists, but not as needed: ${differences.join('; ')}. Rename it, change these columns, or give another schema.${wayOut}`,
  );
}

/** The kinds of relations other than tables, by PostgreSQL's letters. */
const RELATION_KINDS: Readonly<Record<string, string>> = {
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
  const kind = RELATION_KINDS[rows[0]?.kind ?? ''];
  if (kind === undefined) return;
  throw new DatabaseError(
    'TABLE_SHAPE',
    `There is ${kind} "${table}" where a table is needed. Rename it, or give another schema.${wayOut}`,
  );
}

/**
 * An SQL expression for the sequence that fills a column, as a regclass: the one of an identity column, or of a default
 * that is only a call of nextval; its owner does not matter. Null if values come from elsewhere.
 *
 * Not pg_get_serial_sequence: it knows only a sequence that the column owns, also if the default does not use it.
 *
 * @param column the alias of a row of `pg_attribute` in the query around it
 */
export function sequenceExpression(column: string): string {
  return `case when ${column}.attidentity <> '' then (
    select link.objid::regclass
    from pg_catalog.pg_depend link
    where link.classid = 'pg_catalog.pg_class'::regclass
    and link.refclassid = 'pg_catalog.pg_class'::regclass
    and link.refobjid = ${column}.attrelid
    and link.refobjsubid = ${column}.attnum
    and link.deptype = 'i'
  ) else (
    select sequence.oid::regclass
    from pg_catalog.pg_attrdef given
    join pg_catalog.pg_depend link on link.classid = 'pg_catalog.pg_attrdef'::regclass and link.objid = given.oid
    join pg_catalog.pg_class sequence on sequence.oid = link.refobjid and sequence.relkind = 'S'
    where link.refclassid = 'pg_catalog.pg_class'::regclass
    and given.adrelid = ${column}.attrelid
    and given.adnum = ${column}.attnum
    and pg_get_expr(given.adbin, given.adrelid) ~ '^"?nextval"?[(]''([^'']|'''')+''::"?regclass"?[)]$'
  ) end`;
}

/**
 * Tells a table, given as SQL, from those of all databases and servers, by whatever pool it is reached. A server is
 * known by its start, as a copy of its files has the same identifier.
 */
export async function identifyTable(db: AnyKysely, table: string): Promise<string> {
  const { rows } = await sql<{ identity: string }>`
    select concat_ws(' ', extract(epoch from pg_postmaster_start_time()), d.oid, to_regclass(${table})::oid) as identity
    from pg_catalog.pg_database d
    where d.datname = current_database()
  `.execute(db);
  return rows[0]?.identity ?? '';
}
