import { sql } from 'kysely';
import { readColumns, refuseAnotherShape } from '../database/columns.ts';
import type { AnyTransaction } from '../database/transaction.ts';
import { DatabaseError } from '../errors.ts';
import type { TakeoverReport } from '../report.ts';

const COLUMN_TYPES = {
  id: ['integer', 'bigint', 'smallint'],
  ptype: ['text', 'character varying', 'character varying(255)', 'character varying(100)'],
  rule: ['jsonb'],
};

/**
 * Prepares a `casbin` table that was there before the first bootstrap: rules that stand in it more than once
 * are removed but for the row with the lowest id, so that it can become unique on (ptype, rule).
 *
 * @param schema where the table lives; the first of the search_path
 * @returns what the takeover does, the migration that follows included; null when there is no such table, or
 *   nothing to do to it
 */
export async function takeOver(trx: AnyTransaction, schema: string): Promise<TakeoverReport | null> {
  if ((await readColumns(trx, 'casbin', schema)) === null) return null;
  await refuseAnotherShape(trx, 'casbin', COLUMN_TYPES);
  // The constraint needs this lock anyway; taken now, no duplicate can come in between.
  await sql`lock table casbin in access exclusive mode`.execute(trx);
  const duplicatesRemoved = await removeDuplicates(trx);
  await refuseAmbiguousIds(trx);
  const constraintReplaced = await hasStockConstraint(trx);
  return constraintReplaced || duplicatesRemoved > 0 ? { constraintReplaced, duplicatesRemoved } : null;
}

async function removeDuplicates(trx: AnyTransaction): Promise<number> {
  const { numAffectedRows } = await sql`
    delete from casbin
    where ctid in (
      select ctid
      from (
        select ctid, row_number() over (partition by ptype, rule order by id, ctid) as position
        from casbin
      ) ranked
      where position > 1
    )
  `.execute(trx);
  return Number(numAffectedRows ?? 0);
}

async function refuseAmbiguousIds(trx: AnyTransaction): Promise<void> {
  const { rows } = await sql<{ id: string }>`
    select id from casbin group by id having count(*) > 1 order by id limit 5
  `.execute(trx);
  if (rows.length === 0) return;
  throw new DatabaseError(
    'TABLE_SHAPE',
    `Table "casbin" has ids that stand for several rows (${rows.map(({ id }) => id).join(', ')}), so it can't have a primary key. Give them ids of their own: update casbin set id = default where …`,
  );
}

async function hasStockConstraint(trx: AnyTransaction): Promise<boolean> {
  const { rows } = await sql`
    select
    from pg_catalog.pg_constraint
    where conrelid = 'casbin'::regclass and conname = 'casbin_uniq_rule'
  `.execute(trx);
  return rows.length > 0;
}
