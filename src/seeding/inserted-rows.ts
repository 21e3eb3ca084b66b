import { type SqlBool, sql } from 'kysely';
import { engineBehind } from '../database/dialect.ts';
import { type AnyTransaction, readAndReleaseLocks } from '../database/transaction.ts';

/** A row that a seeder inserts. */
export interface InsertedRow {
  /** The name of the seeder. */
  readonly seeder: string;
  /** The table with its schema: `public.settings`. */
  readonly table: string;
  /**
   * The values of its columns, in their order, as PostgreSQL writes them as JSON. A number that JavaScript can't hold
   * exactly is a text.
   */
  readonly values: Readonly<Record<string, unknown>>;
}

/** How many rows of a table are read, for each seeder. */
const READ_ROWS = 1_000;

/** Finding them reads the whole table, so larger tables are left out. */
const READ_BYTES = 64 * 1024 * 1024;

/** Finds the rows that seeders insert, however they do that: these rows are new in the open transaction. */
export class InsertedRows {
  readonly #rows = new Map<string, readonly InsertedRow[]>();

  /** The rows in the order of the seeders. After several attempts, only those of the last one. */
  get found(): readonly InsertedRow[] {
    return [...this.#rows.values()].flat();
  }

  /** Runs a seeder, and reads the rows that it has inserted. If reading fails, its rows are left out. */
  async watch<T>(seeder: string, trx: AnyTransaction, seed: () => Promise<T>): Promise<T> {
    // On such an engine, a failure of the read would end the transaction.
    if (engineBehind(trx).commitsDdl) return seed();
    const read = <R>(work: () => Promise<R>, none: R) => readAndReleaseLocks(trx, work).catch(() => none);
    const before = await read(() => findLastCommands(trx), new Map<string, number>());
    const result = await seed();
    this.#rows.set(seeder, await read(() => readRows(seeder, trx, before), []));
    return result;
  }
}

interface ChangedTable {
  readonly schema: string;
  readonly name: string;
}

/** The tables with new rows, without those in which this library keeps its records. */
async function findChangedTables(trx: AnyTransaction): Promise<readonly ChangedTable[]> {
  const { rows } = await sql<ChangedTable>`
    select schemaname as schema, relname as name
    from pg_catalog.pg_stat_xact_user_tables
    where n_tup_ins > 0
      and left(relname, 17) <> 'casbin_bootstrap_'
      and pg_relation_size(relid) <= ${READ_BYTES}
      and has_table_privilege(relid, 'select')
    order by schemaname, relname
  `.execute(trx);
  return rows;
}

/** For each table, the number of the command in this transaction that inserted its last row. */
async function findLastCommands(trx: AnyTransaction): Promise<Map<string, number>> {
  const last = new Map<string, number>();
  for (const table of await findChangedTables(trx)) {
    const { rows } = await sql<{ command: string | null }>`
      select max(cmin::text::bigint)::text as command from ${sql.id(table.schema, table.name)} where ${IS_OWN}
    `.execute(trx);
    last.set(nameOf(table), Number(rows[0]?.command ?? -1));
  }
  return last;
}

async function readRows(
  seeder: string,
  trx: AnyTransaction,
  before: ReadonlyMap<string, number>,
): Promise<InsertedRow[]> {
  const found: InsertedRow[] = [];
  for (const table of await findChangedTables(trx)) {
    const { rows } = await sql<{ json: string }>`
      select row_to_json(inserted.*)::text as json
      from ${sql.id(table.schema, table.name)} as inserted
      where ${IS_OWN} and cmin::text::bigint > ${before.get(nameOf(table)) ?? -1}
      order by cmin::text::bigint, ctid
      limit ${READ_ROWS}
    `.execute(trx);
    for (const { json } of rows) found.push({ seeder, table: nameOf(table), values: parseExactly(json) });
  }
  return found;
}

/** Parses JSON, with each number as a text that would become another number, such as a large bigint. */
function parseExactly(json: string): InsertedRow['values'] {
  const exact = json.replace(STRING_OR_NUMBER, (token) =>
    token.startsWith('"') || isExact(token) ? token : `"${token}"`,
  );
  return JSON.parse(exact);
}

const STRING_OR_NUMBER = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g;

/** A fraction is exact if JavaScript writes it with the same digits, as it does any that the server has as a double. */
function isExact(number: string): boolean {
  if (/^-?\d+$/.test(number)) return Number.isSafeInteger(Number(number));
  return digitsOf(String(Number(number))) === digitsOf(number);
}

/** The digits without zeros around them. A number that is too large has none, but letters. */
function digitsOf(number: string): string {
  const [mantissa = ''] = number.split(/e/i);
  return mantissa.replaceAll(/[-.]/g, '').replaceAll(/^0+|0+$/g, '');
}

/**
 * Whether the open transaction wrote a row. A savepoint in it has a higher number, and counts too. If a row of another
 * transaction is visible, that one is committed. The function `age` is not used, because it counts from a number that
 * may be older than that of the transaction.
 */
const IS_OWN = sql<SqlBool>`exists (
  select
  from (select pg_current_xact_id()::text::numeric as number) own
  cross join lateral (select mod(xmin::text::numeric - own.number + 18446744073709551616, 4294967296) as later) row
  where later < 1000000 and pg_xact_status((own.number + later)::text::xid8) = 'in progress'
)`;

function nameOf({ schema, name }: ChangedTable): string {
  return `${schema}.${name}`;
}
