import { sql } from 'kysely';
import type { AnyTransaction } from '../database/transaction.ts';
import { type Row, toJson } from './rows.ts';

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

/**
 * Inserts the rows whose key is not in the table, in the order given, and returns those. Rows that are there are
 * left out first, so that they use up no sequence values.
 */
export async function insertMissing(
  db: AnyTransaction,
  table: string,
  key: readonly string[],
  columns: readonly string[],
  rows: readonly Row[],
): Promise<Row[]> {
  const keys = (alias: string) => key.map((column) => sql.id(alias, column));
  // Only PostgreSQL can tell which of the rows it is that came back: 1.50 is 1.5 to it, and a date has many forms.
  const { rows: inserted } = await sql<{ position: number }>`
    with candidate as (
      select given.position, json_populate_record(null::${sql.table(table)}, given.document) as wanted
      from json_array_elements(${toJson(rows, columns)}::json) with ordinality as given (document, position)
    ),
    inserted as (
      insert into ${sql.table(table)} (${sql.join(columns.map((column) => sql.id(column)))})
      select ${sql.join(columns.map((column) => sql`(wanted).${sql.id(column)}`))}
      from candidate
      where not exists (select from ${sql.table(table)} as present where ${sameKey('present', key)})
      order by position
      on conflict (${sql.join(key.map((column) => sql.id(column)))}) do nothing
      returning ${sql.join(key.map((column) => sql.id(column)))}
    )
    select min(candidate.position)::int - 1 as position
    from inserted
    join candidate on ${sameKey('inserted', key)}
    group by ${sql.join(keys('inserted'))}
    order by 1
  `.execute(db);
  return inserted.flatMap(({ position }) => rows.slice(position, position + 1));
}

function sameKey(alias: string, key: readonly string[]) {
  const equalities = key.map(
    (column) => sql`${sql.id(alias, column)} = (candidate.wanted).${sql.id(column)}`,
  );
  return sql.join(equalities, sql` and `);
}
