import { sql } from 'kysely';
import type { SeederContext } from './seeder.ts';

/** A sequence that fills a column of the table that rows go to. */
export interface ColumnSequence {
  readonly schema: string;
  readonly name: string;
  /** Whether this role may read where it stands and set it. */
  readonly settable: boolean;
}

/** Values that were given to a column, instead of being drawn from its sequence. */
export interface GivenValues {
  readonly table: string;
  readonly column: string;
  readonly sequence: ColumnSequence;
}

/**
 * Sets a sequence past the values of its column, never back: else the application's next insert would draw a value
 * that is taken. Where the role may not set it, a warning says what to run.
 *
 * A sequence does not follow a rollback, so that after a failure some values are skipped.
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
