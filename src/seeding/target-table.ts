import { sql } from 'kysely';
import { quoteIdentifier, sequenceExpression } from '../database/catalog.ts';
import { errorCode, SQLSTATE } from '../database/sqlstates.ts';
import type { AnyTransaction } from '../database/transaction.ts';
import { DatabaseError } from '../errors.ts';
import type { SeederContext } from './seeder.ts';

/** A column of the table that is filled. */
export interface TargetColumn {
  readonly name: string;
  /** As SQL, with its modifier: `character varying(3)`. */
  readonly type: string;
  /** Schema and name of its array type; null if values can't be read through an array. */
  readonly arrayType: readonly [string, string] | null;
  readonly isJson: boolean;
  /** What makes its values, so that a row can't give one; null for a column that takes values. */
  readonly always: 'identity' | 'expression' | null;
  readonly sequence: ColumnSequence | null;
}

/** The table that is filled. */
export interface TargetTable {
  readonly schema: string;
  readonly name: string;
  readonly columns: readonly TargetColumn[];
  /** Whether it has a foreign key to itself. */
  readonly refersToItself: boolean;
  /** Whether triggers may change or leave out what is inserted. */
  readonly hasTriggers: boolean;
  /** Whether it certainly holds no row. */
  readonly empty: boolean;
}

interface Description extends Omit<TargetTable, 'empty'> {
  readonly isView: boolean;
  /** The unique indexes that are not partial, with their columns, sorted. */
  readonly unique: readonly {
    readonly name: string;
    readonly deferrable: boolean;
    readonly columns: readonly string[];
  }[];
}

/**
 * Describes the table. Throws a DatabaseError when rows with these columns and this key can't be inserted into
 * it, with every column that is missing, and TableMissing when there is no table.
 */
export async function requireTarget(
  db: AnyTransaction,
  seeder: string,
  table: string,
  key: readonly string[],
  columns: readonly string[],
): Promise<TargetTable> {
  const target = await describeTable(db, table, key);
  if (target === null) throw new TableMissing(table);
  const known = target.columns.map(({ name }) => name);
  const missing = columns.filter((column) => !known.includes(column));
  if (missing.length > 0) throw columnMissing(seeder, table, missing);
  const fixed = target.columns.find(({ name, always }) => always !== null && columns.includes(name));
  if (fixed !== undefined) throw columnFixed(seeder, table, fixed);
  const wanted = [...key].sort();
  const ofKey = target.unique.filter(
    ({ columns: found }) => JSON.stringify(found) === JSON.stringify(wanted),
  );
  const deferrable = ofKey.find((index) => index.deferrable);
  if (ofKey.length > 0 && deferrable === undefined) return { ...target, empty: await isEmpty(db, table) };
  if (target.isView) {
    throw new DatabaseError(
      'TABLE_SHAPE',
      `Seeder "${seeder}" failed: "${table}" is a view, which has no unique constraints, so its rows can't be told apart. Nothing was changed. Name the table behind it.`,
    );
  }
  const list = key.map(quoteIdentifier).join(', ');
  if (deferrable !== undefined) {
    const name = quoteIdentifier(deferrable.name);
    throw new DatabaseError(
      'UNIQUE_CONSTRAINT_MISSING',
      `Seeder "${seeder}" failed: constraint ${name} of table "${table}" is deferrable, and PostgreSQL can't use such a constraint to leave out rows that are there already. Nothing was changed. Replace it: alter table ${quoteNames(table)} drop constraint ${name}, add unique (${list});`,
    );
  }
  throw new DatabaseError(
    'UNIQUE_CONSTRAINT_MISSING',
    `Seeder "${seeder}" failed: table "${table}" is not unique on its key (${list}), so its rows can't be told apart. Nothing was changed. Add the constraint: alter table ${quoteNames(table)} add unique (${list});`,
  );
}

/** PostgreSQL's error for a missing table, also for a query that looks up the row type of the table first. */
class TableMissing extends Error {
  readonly code = SQLSTATE.UNDEFINED_TABLE;

  constructor(table: string) {
    super(`relation "${table}" does not exist`);
  }
}

/** A look asks for the key only, so PostgreSQL's error is about the key or the table. */
export function explainLook(seeder: string, table: string, key: readonly string[], error: unknown): unknown {
  if (errorCode(error) === SQLSTATE.UNDEFINED_OBJECT) return new TableMissing(table);
  if (errorCode(error) !== SQLSTATE.UNDEFINED_COLUMN || !(error instanceof Error)) return error;
  const named = key.filter((column) => error.message.includes(`.${column} `));
  return columnMissing(seeder, table, named.length > 0 ? named : key, error);
}

function columnMissing(seeder: string, table: string, columns: readonly string[], cause?: Error) {
  const what = columns.length === 1 ? 'column' : 'columns';
  return new DatabaseError(
    'COLUMN_MISSING',
    `Seeder "${seeder}" failed: table "${table}" has no ${what} ${columns.map(quoteIdentifier).join(', ')}. Nothing was changed. Add it by a migration, or correct its name.`,
    cause === undefined ? {} : { cause },
  );
}

function columnFixed(seeder: string, table: string, { name, always }: TargetColumn): DatabaseError {
  const remedy =
    always === 'identity'
      ? `Leave it out of rows and key, or let it take values: alter table ${quoteNames(table)} alter column ${quoteIdentifier(name)} set generated by default;`
      : 'Leave it out of rows and key.';
  return new DatabaseError(
    'TABLE_SHAPE',
    `Seeder "${seeder}" failed: column ${quoteIdentifier(name)} of table "${table}" is generated always, so no row can give it a value. Nothing was changed. ${remedy}`,
  );
}

/** The name of a seeder's table as SQL. */
function quoteNames(table: string): string {
  return table.split('.').map(quoteIdentifier).join('.');
}

async function isEmpty(db: AnyTransaction, table: string): Promise<boolean> {
  const { rows } = await sql`select from ${sql.table(table)} limit 1`.execute(db);
  return rows.length === 0;
}

/**
 * Describes the table; null if there is none. Some types can't be read through an array: arrays, domains, composite
 * types, types whose elements are not separated by commas, and types with a modifier. A modifier takes effect at the
 * insert, so a key of such a type would not be found by the given value.
 */
async function describeTable(
  db: AnyTransaction,
  table: string,
  key: readonly string[],
): Promise<Description | null> {
  const { rows } = await sql<Description>`
    select
      (select nspname from pg_catalog.pg_namespace n where n.oid = c.relnamespace) as schema,
      c.relname as name,
      c.relkind in ('v', 'm') as "isView",
      exists (
        select from pg_catalog.pg_constraint f where f.contype = 'f' and f.conrelid = c.oid and f.confrelid = c.oid
      ) as "refersToItself",
      exists (
        -- On insert.
        select from pg_catalog.pg_trigger t where t.tgrelid = c.oid and not t.tgisinternal and t.tgtype & 4 = 4
      ) as "hasTriggers",
      (
        select json_agg(
          json_build_object(
            'name', a.attname,
            'type', format_type(a.atttypid, a.atttypmod),
            'isJson', t.oid in ('pg_catalog.json'::regtype, 'pg_catalog.jsonb'::regtype),
            'always', case when a.attidentity = 'a' then 'identity' when a.attgenerated <> '' then 'expression' end,
            'sequence', (
              select json_build_object(
                'schema', n.nspname,
                'name', s.relname,
                'settable', has_sequence_privilege(s.oid, 'update') and has_sequence_privilege(s.oid, 'select')
              )
              from pg_catalog.pg_class s
              join pg_catalog.pg_namespace n on n.oid = s.relnamespace
              where s.oid = (${sql.raw(sequenceExpression('a'))})
            ),
            'arrayType', case
              when t.typtype in ('b', 'e', 'r', 'm') and t.typdelim = ','
                and (
                  a.atttypmod = -1
                  or a.attname::text <> all(${key}::text[])
                  and t.oid in ('pg_catalog.varchar'::regtype, 'pg_catalog.bpchar'::regtype, 'pg_catalog.numeric'::regtype)
                )
              then (
                select json_build_array(n.nspname, l.typname)
                from pg_catalog.pg_type l
                join pg_catalog.pg_namespace n on n.oid = l.typnamespace
                where l.oid = t.typarray
              )
            end
          )
        )
        from pg_catalog.pg_attribute a
        join pg_catalog.pg_type t on t.oid = a.atttypid
        where a.attrelid = target.oid and a.attnum > 0 and not a.attisdropped
      ) as columns,
      coalesce(
        (
          select json_agg(json_build_object(
            'name', x.relname,
            'deferrable', not i.indimmediate,
            'columns', (
              select json_agg(a.attname order by a.attname collate "C")
              from pg_catalog.pg_attribute a
              where a.attrelid = i.indrelid and a.attnum = any((i.indkey::int2[])[0:i.indnkeyatts - 1])
            )
          ))
          from pg_catalog.pg_index i
          join pg_catalog.pg_class x on x.oid = i.indexrelid
          where i.indrelid = target.oid and i.indisunique and i.indisvalid and i.indpred is null and i.indexprs is null
        ),
        '[]'
      ) as unique
    from to_regclass(${quoteNames(table)}) as target (oid)
    join pg_catalog.pg_class c on c.oid = target.oid
  `.execute(db);
  return rows[0] ?? null;
}

/** A sequence that fills a column of the table. */
interface ColumnSequence {
  readonly schema: string;
  readonly name: string;
  /** Whether this role may read and set it. */
  readonly settable: boolean;
}

/** Values that were given to a column instead of coming from its sequence. */
export interface GivenValues {
  readonly table: string;
  readonly column: string;
  readonly sequence: ColumnSequence;
}

/**
 * Sets a sequence past the values of its column, never back: otherwise the application's next insert would get a value
 * that is in use. If the role may not set it, a warning says what to run.
 *
 * A rollback does not reset a sequence, so some values are skipped after a failure.
 */
export async function advanceSequence(
  { db, logger }: Pick<SeederContext, 'db' | 'logger'>,
  { table, column, sequence }: GivenValues,
): Promise<void> {
  const id = sql.id(sequence.schema, sequence.name);
  const read = sequence.settable
    ? sql`${id}`
    : sql`(select null::bigint as last_value, null::boolean as is_called)`;
  const { rows } = await sql<{ sequence: string; value: string }>`
    select
      behind.sequence::text as sequence,
      ${sequence.settable ? sql`setval(behind.sequence, behind.value)` : sql`behind.value`}::text as value
    from (
      select
        s.seqrelid::regclass as sequence,
        (case when s.seqincrement > 0 then last_row.greatest else last_row.least end)::bigint as value,
        s.seqincrement > 0 as ascending,
        coalesce(state.last_value, drawn.last_value, s.seqstart) as last_value,
        coalesce(state.is_called, drawn.last_value is not null) as is_called
      from pg_catalog.pg_sequence s
      join pg_catalog.pg_class c on c.oid = s.seqrelid
      join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      cross join ${read} as state
      cross join lateral (
        select case
          when has_sequence_privilege(s.seqrelid, 'usage, select') then pg_sequence_last_value(s.seqrelid::regclass)
        end as last_value
      ) drawn
      cross join lateral (
        select max(${sql.id(column)}) as greatest, min(${sql.id(column)}) as least
        from ${sql.table(table)}
        where ${sql.id(column)} between s.seqmin and s.seqmax
      ) last_row
      where n.nspname = ${sequence.schema} and c.relname = ${sequence.name}
    ) behind
    where case when ascending then value > last_value else value < last_value end
    or value = last_value and not is_called
  `.execute(db);
  const [behind] = rows;
  if (behind === undefined || sequence.settable) return;
  const statement = `select setval('${behind.sequence.replaceAll("'", "''")}', ${behind.value});`;
  logger.warn(
    { event: 'sequence_behind', table, column, sequence: behind.sequence, value: behind.value, statement },
    `Sequence ${behind.sequence} is behind the values of column "${column}" in table "${table}", and this role may not set it. The next insert without a value may fail with a duplicate key. Run as the owner: ${statement}`,
  );
}
