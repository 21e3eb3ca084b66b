import { sql } from 'kysely';
import { nameAround, quoteIdentifier, quoteTable, quoteText } from './catalog.ts';
import type { AnyTransaction } from './transaction.ts';

/** A table of rules, and what an insert writes into it. */
export interface FilledTable {
  readonly name: string;
  /** Undefined where the search_path finds it. */
  readonly schema?: string | undefined;
  /** Its name as SQL. */
  readonly sql: string;
  /** The column that has to tell rows apart. */
  readonly identity: 'id' | 'ctid';
  /** The columns that are given, separated by commas. */
  readonly written: string;
}

/** A column without which no row can be inserted, and that nobody fills. */
export interface UnfilledColumn {
  readonly name: string;
  /** The default that each row gets, where rows are told apart by this column; else null. */
  readonly constant: string | null;
  /** Whether it holds whole numbers. */
  readonly isNumber: boolean;
}

/** Finds the columns that keep rules from being inserted. */
export async function findUnfilledColumns(
  trx: AnyTransaction,
  table: FilledTable,
): Promise<UnfilledColumn[]> {
  const { rows } = await sql<UnfilledColumn>`
    select a.attname::text as name, pg_get_expr(d.adbin, d.adrelid) as constant, a.atttypid in (20, 21, 23) as "isNumber"
    from pg_catalog.pg_attribute a
    join pg_catalog.pg_class c on c.oid = a.attrelid and c.relkind in ('r', 'p')
    join pg_catalog.pg_type y on y.oid = a.atttypid
    left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where a.attrelid = to_regclass(${table.sql})
    and a.attnum > 0
    and not a.attisdropped
    and a.attidentity = ''
    and y.typdefault is null
    and case a.attname
      when ${table.identity} then d.oid is null or position('(' in pg_get_expr(d.adbin, d.adrelid)) = 0
      else a.attnotnull and d.oid is null and a.attname <> all(${table.written.split(', ')}::text[])
    end
    and not exists (
      select
      from pg_catalog.pg_trigger t
      where t.tgrelid = a.attrelid
      and not t.tgisinternal
      and t.tgenabled <> 'D'
      -- For each row, before, on insert.
      and t.tgtype & 7 = 7
    )
    order by a.attnum
  `.execute(trx);
  return rows;
}

/** Tells what is wrong with such columns, as a sentence without its full stop. */
export function describeUnfilled(
  { sql }: FilledTable,
  columns: readonly Pick<UnfilledColumn, 'name' | 'constant'>[],
): string {
  const faults = columns.map(({ name, constant }) =>
    constant === null
      ? `column ${quoteIdentifier(name)} has no default`
      : `column ${quoteIdentifier(name)} has the same default for each row (${constant})`,
  );
  return `No rule can be added to table ${sql}: ${faults.join('; ')}`;
}

/** Tells what to do about such a column. */
export function adviseUnfilled(table: FilledTable, column: string): string {
  if (column !== 'id') return `Give column ${quoteIdentifier(column)} a default, or let it allow null.`;
  return `Let the database make the ids; if they are numbers: ${numberRows(table).join(' ')}`;
}

/**
 * Statements that have a sequence number the rows, as `serial` does, after the ids that are there. A sequence of that
 * name may exist, and another table may use it, as after a change of names: so it never goes back.
 */
export function numberRows({ name, schema, sql }: FilledTable): string[] {
  const sequence = quoteTable(nameAround('', name, '_id_seq'), schema);
  const text = quoteText(sequence);
  return [
    `create sequence if not exists ${sequence} owned by ${sql}.id;`,
    `select setval(${text}, greatest(nextval(${text}), (select coalesce(max(id), 0) + 1 from ${sql})), false);`,
    `alter table ${sql} alter column id set not null, alter column id set default nextval(${text});`,
  ];
}
