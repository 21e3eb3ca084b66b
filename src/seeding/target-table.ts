import { sql } from 'kysely';
import { errorCode, SQLSTATE } from '../database/sqlstates.ts';
import type { AnyTransaction } from '../database/transaction.ts';
import { DatabaseError } from '../errors.ts';

interface Target {
  readonly columns: readonly string[];
  /** The columns of each unique index that is not partial, sorted. */
  readonly unique: readonly (readonly string[])[];
}

/**
 * Throws a DatabaseError when rows with these columns and this key can't be inserted into the table, with every
 * column that is missing, and TableMissing when there is no table.
 */
export async function requireTarget(
  db: AnyTransaction,
  seeder: string,
  table: string,
  key: readonly string[],
  columns: readonly string[],
): Promise<void> {
  const target = await readTarget(db, table);
  if (target === null) throw new TableMissing(table);
  const missing = columns.filter((column) => !target.columns.includes(column));
  if (missing.length > 0) throw columnMissing(seeder, table, missing);
  const wanted = [...key].sort();
  if (target.unique.some((found) => JSON.stringify(found) === JSON.stringify(wanted))) return;
  const list = key.map(quote).join(', ');
  throw new DatabaseError(
    'UNIQUE_CONSTRAINT_MISSING',
    `Seeder "${seeder}" failed: table "${table}" is not unique on its key (${list}), so its rows can't be told apart. Nothing was changed. Add the constraint: alter table ${table.split('.').map(quote).join('.')} add unique (${list});`,
  );
}

/** What PostgreSQL says of a table, but of the type that goes with it where that is asked for first. */
class TableMissing extends Error {
  readonly code = SQLSTATE.UNDEFINED_TABLE;

  constructor(table: string) {
    super(`relation "${table}" does not exist`);
  }
}

/** As a look asks for the key only, PostgreSQL's own error can only be about that, or the table. */
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
    `Seeder "${seeder}" failed: table "${table}" has no ${what} ${columns.map(quote).join(', ')}. Nothing was changed. Add it by a migration, or correct its name.`,
    cause === undefined ? {} : { cause },
  );
}

async function readTarget(db: AnyTransaction, table: string): Promise<Target | null> {
  const { rows } = await sql<Target>`
    select
      array(
        select a.attname::text
        from pg_catalog.pg_attribute a
        where a.attrelid = target.oid and a.attnum > 0 and not a.attisdropped
      ) as columns,
      coalesce(
        (
          select json_agg(
            (
              select json_agg(a.attname order by a.attname collate "C")
              from pg_catalog.pg_attribute a
              where a.attrelid = i.indrelid and a.attnum = any((i.indkey::int2[])[0:i.indnkeyatts - 1])
            )
          )
          from pg_catalog.pg_index i
          where i.indrelid = target.oid and i.indisunique and i.indimmediate and i.indpred is null and i.indexprs is null
        ),
        '[]'
      ) as unique
    from to_regclass(${table.split('.').map(quote).join('.')}) as target (oid)
    where target.oid is not null
  `.execute(db);
  return rows[0] ?? null;
}

function quote(identifier: string): string {
  return `"${identifier.replaceAll('"', '""')}"`;
}
