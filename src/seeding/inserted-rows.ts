import { type SqlBool, sql } from 'kysely';
import { engineBehind } from '../database/dialect.ts';
import { type AnyTransaction, type AskFurther, readAndReleaseLocks } from '../database/transaction.ts';

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

/** The new rows of a table, or new versions of rows if the seeder updates some of them too. */
interface Written {
  readonly table: TableName;
  readonly rows: readonly InsertedRow[];
  readonly isMixed: boolean;
}

/** Finds the rows that seeders insert, however they do that: these rows are new in the open transaction. */
export class InsertedRows {
  readonly #written = new Map<string, readonly Written[]>();

  /**
   * The rows in the order of the seeders. After several attempts, only those of the last one.
   *
   * @param ask runs a query on the database as it was before
   */
  async find(ask: AskFurther): Promise<readonly InsertedRow[]> {
    const found: InsertedRow[] = [];
    for (const written of [...this.#written.values()].flat()) {
      const rows = written.isMixed
        ? await ask((trx) => withoutStored(trx, written)).catch(() => [])
        : written.rows;
      found.push(...rows);
    }
    return found;
  }

  /** Runs a seeder, and reads the rows that it has inserted. If reading fails, its rows are left out. */
  async watch<T>(seeder: string, trx: AnyTransaction, seed: () => Promise<T>): Promise<T> {
    // On such an engine, a failure of the read would end the transaction.
    if (engineBehind(trx).commitsDdl) return seed();
    const read = <R>(work: () => Promise<R>, none: R) => readAndReleaseLocks(trx, work).catch(() => none);
    const before = await read(() => findLastCommands(trx), new Map<string, Before>());
    const result = await seed();
    this.#written.set(seeder, await read(() => readRows(seeder, trx, before), []));
    return result;
  }
}

/** The rows whose primary key was not in their table before; none of a table without one. */
async function withoutStored(trx: AnyTransaction, { table, rows }: Written): Promise<readonly InsertedRow[]> {
  const name = sql.id(table.schema, table.name);
  const { rows: tables } = await sql<{ key: string[] }>`
    select to_json(array(
      select a.attname::text
      from pg_catalog.pg_index i
      join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey)
      where i.indrelid = c.oid and i.indisprimary
    )) as key
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where n.nspname = ${table.schema} and c.relname = ${table.name}
  `.execute(trx);
  if (tables[0] === undefined) return rows;
  const { key } = tables[0];
  if (key.length === 0) return [];
  const isSame = key.map((column) => sql`${sql.id('stored', column)} = ${sql.id('given', column)}`);
  const documents = rows.map(({ values }, position) => ({ position, values }));
  const { rows: fresh } = await sql<{ position: number }>`
    select (document ->> 'position')::int as position
    from json_array_elements(${JSON.stringify(documents)}::json) as document
    cross join json_populate_record(null::${name}, document -> 'values') as given
    where not exists (select from ${name} as stored where ${sql.join(isSame, sql` and `)})
    order by position
  `.execute(trx);
  return fresh.flatMap(({ position }) => rows[position] ?? []);
}

interface TableName {
  readonly schema: string;
  readonly name: string;
}

interface ChangedTable extends TableName {
  /** How many rows were inserted into it, and how many were updated; what a savepoint took back counts too. */
  readonly inserted: string;
  readonly updated: string;
}

/** The tables with new rows or versions of rows, without those in which this library keeps its records. */
async function findChangedTables(trx: AnyTransaction): Promise<readonly ChangedTable[]> {
  const { rows } = await sql<ChangedTable>`
    select schemaname as schema, relname as name, n_tup_ins::text as inserted, n_tup_upd::text as updated
    from pg_catalog.pg_stat_xact_user_tables
    where n_tup_ins + n_tup_upd > 0
      and left(relname, 17) <> 'casbin_bootstrap_'
      and pg_relation_size(relid) <= ${READ_BYTES}
      and has_table_privilege(relid, 'select')
    order by schemaname, relname
  `.execute(trx);
  return rows;
}

interface Before extends ChangedTable {
  /** The number of the command in this transaction that wrote its last row. */
  readonly command: number;
}

async function findLastCommands(trx: AnyTransaction): Promise<Map<string, Before>> {
  const last = new Map<string, Before>();
  for (const table of await findChangedTables(trx)) {
    const { rows } = await sql<{ command: string | null }>`
      select max(cmin::text::bigint)::text as command from ${sql.id(table.schema, table.name)} where ${IS_OWN}
    `.execute(trx);
    last.set(nameOf(table), { ...table, command: Number(rows[0]?.command ?? -1) });
  }
  return last;
}

async function readRows(
  seeder: string,
  trx: AnyTransaction,
  before: ReadonlyMap<string, Before>,
): Promise<Written[]> {
  const written: Written[] = [];
  for (const table of await findChangedTables(trx)) {
    const name = nameOf(table);
    const { inserted = '0', updated = '0', command = -1 } = before.get(name) ?? {};
    if (table.inserted === inserted) continue;
    const { rows } = await sql<{ json: string }>`
      select row_to_json(inserted.*)::text as json
      from ${sql.id(table.schema, table.name)} as inserted
      where ${IS_OWN} and cmin::text::bigint > ${command}
      order by cmin::text::bigint, ctid
      limit ${READ_ROWS}
    `.execute(trx);
    const found = rows.map(({ json }) => ({ seeder, table: name, values: parseExactly(json) }));
    written.push({ table, rows: found, isMixed: table.updated !== updated });
  }
  return written;
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

function nameOf({ schema, name }: TableName): string {
  return `${schema}.${name}`;
}
