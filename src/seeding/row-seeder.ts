import { sql } from 'kysely';
import type { Problem } from '../errors.ts';
import type { Migrations } from '../migration/migration.ts';
import { checkRows, groupByColumns, keyOf, pickKey, type Row, toJson } from './rows.ts';
import type { Seeder, SeederContext, SeederResult } from './seeder.ts';

/** How many rows one statement takes. */
const BATCH_SIZE = 10_000;

/** Rows that must be there, and what tells them from others. */
export interface RowSeederOptions<R extends Row> {
  /** The seeder's name, unique within a bootstrap. */
  readonly name: string;
  readonly table: string;
  /** The columns that identify a row. The table needs a unique constraint on exactly these. */
  readonly key: (keyof R & string) | readonly (keyof R & string)[];
  /** Values, not SQL expressions. A column that a row leaves out gets its default. */
  readonly rows: readonly R[];
  /** The migrations that make the table, if this seeder brings it along. */
  readonly migrations?: Migrations;
  /** What its log events begin with. Default: the name. */
  readonly logName?: string;
}

/**
 * A seeder of reference data, default settings, lookup values or required single rows: it inserts the rows whose
 * key is not in the table, and leaves the others exactly as they are.
 *
 * Values are sent as JSON and take the type of their column, so an object fits a jsonb column and a list an
 * array column. It logs `<logName>_seeded` for each inserted row, `<logName>_exists` (debug) for each other.
 *
 * @example
 * rowSeeder({ name: 'settings', table: 'settings', key: 'id', rows: [{ id: 1, currency: 'EUR' }] })
 */
export function rowSeeder<R extends Row>(options: RowSeederOptions<R>): Seeder {
  const { name, table, rows, migrations, logName = name } = options;
  const key: readonly string[] = typeof options.key === 'string' ? [options.key] : options.key;
  return {
    name,
    logName,
    table,
    total: rows.length,
    ...(migrations === undefined ? {} : { migrations }),
    check: (): readonly Problem[] => checkRows(rows, key),
    async isSeeded(context) {
      for (const batch of inBatches(rows)) {
        if (await isAnyMissing(context, table, key, batch)) return false;
      }
      logRows(context, logName, key, rows, new Set());
      return true;
    },
    async seed(context): Promise<SeederResult> {
      const inserted = new Set<string>();
      for (const { columns, rows: group } of groupByColumns(rows).values()) {
        for (const batch of inBatches(group)) {
          const added = await insertMissing(context, table, key, columns, batch);
          for (const row of added) inserted.add(keyOf(row, key));
        }
      }
      logRows(context, logName, key, rows, inserted);
      return { inserted: inserted.size, existing: rows.length - inserted.size };
    },
  };
}

function* inBatches(rows: readonly Row[]): Generator<readonly Row[]> {
  for (let start = 0; start < rows.length; start += BATCH_SIZE) yield rows.slice(start, start + BATCH_SIZE);
}

async function isAnyMissing(
  { db }: SeederContext,
  table: string,
  key: readonly string[],
  rows: readonly Row[],
): Promise<boolean> {
  const { rows: found } = await sql`
    select
    from json_populate_recordset(null::${sql.table(table)}, ${toJson(rows, key)}) as wanted
    where not exists (select from ${sql.table(table)} as present where ${sameKey(key)})
    limit 1
  `.execute(db);
  return found.length > 0;
}

/** Inserts in the order given. Rows that are there are left out first, so that they use up no sequence values. */
async function insertMissing(
  { db }: SeederContext,
  table: string,
  key: readonly string[],
  columns: readonly string[],
  rows: readonly Row[],
): Promise<Row[]> {
  const list = sql.join(columns.map((column) => sql.ref(column)));
  const { rows: inserted } = await sql<Row>`
    insert into ${sql.table(table)} (${list})
    select ${sql.join(columns.map((column) => sql.ref(`wanted.${column}`)))}
    from json_populate_recordset(null::${sql.table(table)}, ${toJson(rows, columns)}) as wanted
    where not exists (select from ${sql.table(table)} as present where ${sameKey(key)})
    on conflict (${sql.join(key.map((column) => sql.ref(column)))}) do nothing
    returning ${sql.join(key.map((column) => sql`${sql.ref(column)}::text as ${sql.ref(column)}`))}
  `.execute(db);
  return inserted;
}

function sameKey(key: readonly string[]) {
  const equalities = key.map(
    (column) => sql`${sql.ref(`present.${column}`)} = ${sql.ref(`wanted.${column}`)}`,
  );
  return sql.join(equalities, sql` and `);
}

function logRows(
  { logger }: SeederContext,
  logName: string,
  key: readonly string[],
  rows: readonly Row[],
  inserted: ReadonlySet<string>,
): void {
  for (const row of rows) {
    const bindings = pickKey(row, key);
    if (inserted.has(keyOf(row, key)))
      logger.info({ event: `${logName}_seeded`, ...bindings }, 'Row inserted');
    else logger.debug({ event: `${logName}_exists`, ...bindings }, 'Row exists');
  }
}
