import { sql } from 'kysely';
import type { AnyTransaction } from '../database/transaction.ts';
import { candidates, nameOf } from './candidates.ts';
import { type Row, toJson } from './rows.ts';
import type { Column } from './target-table.ts';

/** Whether the table lacks a row with the key of one of these. */
export async function isAnyMissing(
  db: AnyTransaction,
  table: string,
  key: readonly string[],
  rows: readonly Row[],
): Promise<boolean> {
  const equalities = key.map((column) => sql`${sql.id('present', column)} = ${sql.id('wanted', column)}`);
  const { rows: found } = await sql`
    select
    from json_populate_recordset(null::${sql.table(table)}, ${toJson(rows, key)}) as wanted
    where not exists (select from ${sql.table(table)} as present where ${sql.join(equalities, sql` and `)})
    limit 1
  `.execute(db);
  return found.length > 0;
}

/** Where rows are to go, and which of their columns identify one. */
export interface Target {
  readonly table: string;
  readonly key: readonly string[];
  readonly columns: readonly Column[];
  /** Whether there is no row to look for. */
  readonly empty: boolean;
}

/**
 * Inserts the rows whose key is not in the table, in the order given, and returns those. Rows that are there are
 * left out first, so that they use up no sequence values.
 */
export async function insertMissing(
  db: AnyTransaction,
  { table, key, columns, empty }: Target,
  rows: readonly Row[],
): Promise<readonly Row[]> {
  const keyColumns = sql.join(key.map((column) => sql.id(column)));
  const valueIn = (column: string) => sql.id(nameOf(columns.findIndex(({ name }) => name === column)));
  const isSame = (alias: string) =>
    sql.join(
      key.map((column) => sql`${sql.id(alias, column)} = candidate.${valueIn(column)}`),
      sql` and `,
    );
  const missing = empty
    ? sql`missing as not materialized (select * from candidate)`
    : sql`
    missing as materialized (
      select * from candidate where not exists (select from ${sql.table(table)} as present where ${isSame('present')})
    )`;
  // Mostly the numbers tell which rows were inserted. Else only PostgreSQL can: 1.50 is 1.5 to it, and a date has
  // many forms.
  const { rows: results } = await sql<{ count: number; positions: number[] }>`
    with ${candidates(table, columns, rows)},
    ${missing},
    inserted as (
      insert into ${sql.table(table)} (${sql.join(columns.map(({ name }) => sql.id(name)))})
      select ${sql.join(columns.map(({ name }) => valueIn(name)))} from missing order by position
      on conflict (${keyColumns}) do nothing
      returning ${keyColumns}
    ),
    total as (select count(*)::int as inserted from inserted)
    select inserted as count,
      to_json(case
        when inserted = ${rows.length}::int then '{}'
        when inserted = (select count(*) from missing) then array(select position::int from missing order by position)
        else array(
          select min(position)::int
          from inserted
          join missing as candidate on ${isSame('inserted')}
          group by ${sql.join(key.map((column) => sql.id('inserted', column)))}
          order by 1
        )
      end) as positions
    from total
  `.execute(db);
  const { count, positions } = results[0] ?? { count: 0, positions: [] };
  if (count === rows.length) return rows;
  return positions.flatMap((position) => rows.slice(position - 1, position));
}
