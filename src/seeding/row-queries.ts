import { type RawBuilder, sql } from 'kysely';
import type { AnyTransaction } from '../database/transaction.ts';
import { encode, type Group, type Row, toRecordset } from './rows.ts';
import type { TargetColumn } from './target-table.ts';

/**
 * A query that returns a row if the table has no row with the key of one of these rows.
 *
 * @param others what the other columns have meanwhile: null, which a domain may not allow, or the values of any row
 *   that is stored, which the role has to be allowed to read
 */
export function selectMissing(
  table: string,
  key: readonly string[],
  rows: readonly Row[],
  others: 'null' | 'stored',
): RawBuilder<unknown> {
  const equalities = key.map((column) => sql`${sql.id('present', column)} = ${sql.id('wanted', column)}`);
  const name = sql.table(table);
  const row =
    others === 'null' ? sql`null::${name}` : sql`(select (stored.*)::${name} from ${name} as stored limit 1)`;
  return sql`
    select
    from json_populate_recordset(${row}, ${toRecordset(rows, key)}) as wanted
    where not exists (select from ${sql.table(table)} as present where ${sql.join(equalities, sql` and `)})
    limit 1
  `;
}

/** Temporary views of the columns that rows give: the domain of another one may not allow the null it would have. */
const GIVEN = 'casbin_bootstrap_row';

/**
 * The statements that insert the rows whose key is not in the table, each group in the order given. The types of its
 * columns need not be known. One statement inserts all of them, because rows of any group may refer to each other.
 */
export function insertUnseen(
  table: string,
  key: readonly string[],
  groups: readonly Group[],
): RawBuilder<unknown>[] {
  const list = (names: readonly string[]) => sql.join(names.map((name) => sql.id(name)));
  const viewOf = (part: number) => sql.id('pg_temp', `${GIVEN}_${part}`);
  const inserts = groups.map(({ columns, rows }, part) => {
    // Without it, PostgreSQL would insert the last group first.
    const isNext = sql` and (select count(*) from ${sql.id(`inserted_${part - 1}`)}) is not null`;
    return sql`
    insert into ${sql.table(table)} (${list(columns)})
    select ${valueNames(columns)}
    from json_populate_recordset(null::${viewOf(part)}, ${toRecordset(rows, columns)}) with ordinality
      as candidate (${valueNames(columns)}, position)
    where not exists (select from ${sql.table(table)} as present where ${hasKeyOf('present', key, columns)})${part === 0 ? sql`` : isNext}
    order by position
    on conflict (${list(key)}) do nothing
  `;
  });
  const last = inserts.pop();
  if (last === undefined) return [];
  const others = inserts.map((insert, part) => sql`${sql.id(`inserted_${part}`)} as (${insert} returning 1)`);
  return [
    ...groups.map(
      ({ columns }, part) =>
        sql`create temporary view ${sql.id(`${GIVEN}_${part}`)} as select ${list(columns)} from ${sql.table(table)}`,
    ),
    others.length === 0 ? last : sql`with ${sql.join(others)} ${last}`,
    ...groups.map((_, part) => sql`drop view ${viewOf(part)}`),
  ];
}

/** Where rows are to go, and which of their columns identify one. */
export interface Target {
  readonly table: string;
  readonly key: readonly string[];
  readonly columns: readonly TargetColumn[];
  /** Whether there is no row to look for. */
  readonly empty: boolean;
}

interface Inserted {
  readonly rows: readonly Row[];
  /** Whether each row that was not in the table was inserted. */
  readonly isComplete: boolean;
}

/**
 * Inserts the rows whose key is not in the table by one statement, each group in the order given, and returns those.
 * Rows of any group may refer to each other. Rows that are there are left out first, so that they use no values of a
 * sequence.
 */
export async function insertMissing(
  db: AnyTransaction,
  target: Target,
  groups: readonly Group[],
): Promise<Inserted> {
  const parts = groups.map((group, number) => insertGroup(target, group, number));
  const { rows: results } = await sql<InsertedPart>`
    with ${sql.join(parts.map(({ tables }) => tables))}
    ${sql.join(
      parts.map(({ result }) => result),
      sql` union all `,
    )}
  `.execute(db);
  return {
    rows: results.flatMap(({ part, count, positions }) => {
      const rows = groups[part]?.rows ?? [];
      return count === rows.length ? rows : atPositions(rows, positions);
    }),
    isComplete: results.every(({ isComplete }) => isComplete),
  };
}

interface InsertedPart {
  readonly part: number;
  readonly count: number;
  readonly isComplete: boolean;
  readonly positions: readonly number[];
}

/** The common table expressions that insert a group, and the query of what they have inserted. */
function insertGroup({ table, key, columns: all, empty }: Target, group: Group, part: number) {
  const { rows } = group;
  const columns = all.filter(({ name }) => group.columns.includes(name));
  const name = (table: string) => sql.id(`${table}_${part}`);
  const [candidate, missing] = [name('candidate'), name('missing')];
  const [inserted, total] = [name('inserted'), name('total')];
  const keyColumns = sql.join(key.map((column) => sql.id(column)));
  const isSame = (alias: string) => hasKeyOf(alias, key, namesOf(columns));
  const select = empty
    ? sql`${missing} as not materialized (select * from ${candidate})`
    : sql`
    ${missing} as materialized (
      select *
      from ${candidate} as candidate
      where not exists (select from ${sql.table(table)} as present where ${isSame('present')})
    )`;
  const tables = sql`
    ${candidates(candidate, columns, rows)},
    ${select},
    ${inserted} as (
      insert into ${sql.table(table)} (${sql.join(columns.map(({ name }) => sql.id(name)))})
      select ${valueNames(columns)} from ${missing} order by position
      on conflict (${keyColumns}) do nothing
      returning ${keyColumns}
    ),
    ${total} as (select count(*)::int as inserted from ${inserted})`;
  // Usually the positions tell which rows were inserted. If not, PostgreSQL compares the keys: only PostgreSQL knows
  // that 1.50 is 1.5, and that a date can be written in many ways.
  const result = sql`
    select ${sql.lit(part)} as part, inserted as count,
      inserted = ${rows.length}::int or inserted = (select count(*) from ${missing}) as "isComplete",
      to_json(case
        when inserted = ${rows.length}::int then '{}'
        when inserted = (select count(*) from ${missing}) then array(select position::int from ${missing})
        else array(
          select min(candidate.position)::int
          from ${inserted} as inserted
          join ${missing} as candidate on ${isSame('inserted')}
          group by ${sql.join(key.map((column) => sql.id('inserted', column)))}
        )
      end) as positions
    from ${total}`;
  return { tables, result };
}

/** The rows whose key is not in the table. */
export async function findAbsent(
  db: AnyTransaction,
  { table, key, columns }: Target,
  rows: readonly Row[],
): Promise<readonly Row[]> {
  const ofKey = columns.filter(({ name }) => key.includes(name));
  const { rows: results } = await sql<{ positions: number[] }>`
    with ${candidates(sql.id('candidate'), ofKey, rows)}
    select coalesce(json_agg(position), '[]') as positions
    from candidate
    where not exists (select from ${sql.table(table)} as present where ${hasKeyOf('present', key, namesOf(ofKey))})
  `.execute(db);
  return atPositions(rows, results[0]?.positions ?? []);
}

function atPositions(rows: readonly Row[], positions: readonly number[]): Row[] {
  return positions.flatMap((position) => rows.slice(position - 1, position));
}

/** The condition that a row has the key of a candidate with these columns. */
function hasKeyOf(alias: string, key: readonly string[], columns: readonly string[]) {
  return sql.join(
    key.map((column) => sql`${sql.id(alias, column)} = candidate.${sql.id(nameOf(columns.indexOf(column)))}`),
    sql` and `,
  );
}

/**
 * A common table expression: the rows with their `position`, from 1, and their values as `c0`, `c1` … in the order of
 * `columns`, read by the input functions of the columns' types.
 */
function candidates(
  name: RawBuilder<unknown>,
  columns: readonly TargetColumn[],
  rows: readonly Row[],
): RawBuilder<unknown> {
  const select = columns.every(({ arrayType }) => arrayType !== null) ? fromArrays : fromDocuments;
  return sql`${name} as not materialized (${select(columns, rows)})`;
}

function namesOf(columns: readonly TargetColumn[]): string[] {
  return columns.map(({ name }) => name);
}

/** The name of the column at `index` in {@link candidates}. */
function nameOf(index: number): string {
  return `c${index}`;
}

/** Reads the values of each column from an array. For both sides, that is less work than JSON. */
function fromArrays(columns: readonly TargetColumn[], rows: readonly Row[]) {
  const arrays = columns.map(({ name, isJson, arrayType }) => {
    const literal = toArrayLiteral(rows.map((row) => (isJson ? toDocument : toText)(row[name])));
    return sql`${literal}::${sql.id(...(arrayType ?? []))}`;
  });
  return sql`select * from unnest(${sql.join(arrays)}) with ordinality as given (${valueNames(columns)}, position)`;
}

/**
 * Reads the values from JSON. That works for any type, also for composite types, domains, arrays, and types with a
 * modifier such as `varchar(3)` in the key. The rows are not read as rows of the table, because a column that is left
 * out would be null, which its domain may not allow.
 */
function fromDocuments(columns: readonly TargetColumn[], rows: readonly Row[]) {
  const given = toRecordset(rows, namesOf(columns));
  const typed = columns.map(({ name, type }) => sql`${sql.id(name)} ${sql.raw(type)}`);
  return sql`
      select *
      from rows from (json_to_recordset(${given}::json) as (${sql.join(typed)})) with ordinality
        as given (${valueNames(columns)}, position)
    `;
}

function valueNames(columns: readonly unknown[]) {
  return sql.join(columns.map((_, index) => sql.id(nameOf(index))));
}

/** The text that the type of a column reads. For an object that is its JSON, and for a Date its text in JSON. */
function toText(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  if (typeof value !== 'object') return String(value);
  const document = toDocument(value);
  return document?.startsWith('"') ? String(JSON.parse(document)) : document;
}

/** The value as JSON. A JSON null means no value, whatever the type is. */
function toDocument(value: unknown): string | null {
  const document = JSON.stringify(encode(value)) ?? 'null';
  return document === 'null' ? null : document;
}

function toArrayLiteral(texts: readonly (string | null)[]): string {
  const elements = texts.map((text) => (text === null ? 'NULL' : `"${escapeElement(text)}"`));
  return `{${elements.join(',')}}`;
}

function escapeElement(text: string): string {
  return /["\\]/.test(text) ? text.replace(/["\\]/g, '\\$&') : text;
}
